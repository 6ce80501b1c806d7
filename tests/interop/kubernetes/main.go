// The parts of a Kubernetes cluster in one binary: a sub-command each, their own flags behind it.
//
//	cluster etcd -dir DIR -client 127.0.0.1:PORT -peer 127.0.0.1:PORT
//	cluster apiserver|controller-manager|scheduler|kubelet|proxy|kubectl FLAGS
//
// Built by `run` beside this file and by kubernetes_cluster, from the modules pinned in go.mod.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// What each is made by. Only the one that is asked for is made: they share registries of flags and features.
var commands = map[string]func() *cobra.Command{
	"apiserver":          apiserver.NewAPIServerCommand,
	"controller-manager": controllers.NewControllerManagerCommand,
	"scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubelet":            func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
	"proxy":              proxy.NewProxyCommand,
	"kubectl":            kubectl.NewDefaultKubectlCommand,
}

func runEtcd(arguments []string) error {
	flags := flag.NewFlagSet("etcd", flag.ExitOnError)
	dir := flags.String("dir", "", "where it keeps its data")
	client := flags.String("client", "127.0.0.1:2379", "address for the API server")
	peer := flags.String("peer", "127.0.0.1:2380", "address for other members, of which there are none")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	urls := func(address string) []url.URL { return []url.URL{{Scheme: "http", Host: address}} }
	config := embed.NewConfig()
	config.Dir = *dir
	config.LogLevel = "warn"
	config.ListenClientUrls, config.AdvertiseClientUrls = urls(*client), urls(*client)
	config.ListenPeerUrls, config.AdvertisePeerUrls = urls(*peer), urls(*peer)
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	// Nothing in it is worth a disk's patience.
	config.UnsafeNoFsync = true
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return err
	}
	defer etcd.Close()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case <-etcd.Server.ReadyNotify():
		fmt.Println("etcd ready")
	case err := <-etcd.Err():
		return err
	case <-stop:
		return nil
	}
	select {
	case err := <-etcd.Err():
		return err
	case <-stop:
		return nil
	}
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: cluster etcd|apiserver|controller-manager|scheduler|kubelet|proxy|kubectl FLAGS")
		os.Exit(2)
	}
	name, arguments := os.Args[1], os.Args[2:]
	if name == "etcd" {
		if err := runEtcd(arguments); err != nil {
			fmt.Fprintln(os.Stderr, "etcd:", err)
			os.Exit(1)
		}
		return
	}
	make, known := commands[name]
	if !known {
		fmt.Fprintf(os.Stderr, "cluster: there is no %s\n", name)
		os.Exit(2)
	}
	os.Args = os.Args[1:] // kubectl looks for plugins by it
	command := make()
	command.SetArgs(arguments)
	os.Exit(cli.Run(command))
}
