// The parts of a Kubernetes control plane in one binary: a sub-command each, their own flags behind it.
//
//	cluster etcd -dir DIR -client 127.0.0.1:PORT -peer 127.0.0.1:PORT
//	cluster apiserver FLAGS
//
// Built by `run` beside this file, from the modules pinned in go.mod.
package main

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
)

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
		fmt.Fprintln(os.Stderr, "usage: cluster etcd|apiserver FLAGS")
		os.Exit(2)
	}
	switch name, arguments := os.Args[1], os.Args[2:]; name {
	case "etcd":
		if err := runEtcd(arguments); err != nil {
			fmt.Fprintln(os.Stderr, "etcd:", err)
			os.Exit(1)
		}
	case "apiserver":
		command := apiserver.NewAPIServerCommand()
		command.SetArgs(arguments)
		os.Exit(cli.Run(command))
	default:
		fmt.Fprintf(os.Stderr, "cluster: there is no %s\n", name)
		os.Exit(2)
	}
}
