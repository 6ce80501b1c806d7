// The applications of the shop that the test runs in pods: one static program, a sub-command each. None knows of a mesh.
//
//	app serve [-port 8080] [-work 0s]   HTTP; says who it is; /call?url=… calls on; /fail?status=503 makes it fail
//	app get [-n 1] [-header K=V] URL    so many calls on a kept connection; one line of JSON with what came of them
//	app load [-rate 20] URL…            until it is told to end; each second a line of JSON, and one at the end
//	app greet [-port 3306]              TCP: it speaks first, as databases do
//	app greeted HOST:PORT               the other end
//	app job URL                         calls once and ends
//	app pause                           what holds a pod's namespaces
//
// Called as "server" or "client" it is what the Gateway API's conformance tests expect in their image (echo.go).
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path"
	"syscall"
)

func pause([]string) error {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD)
	for got := range signals {
		if got != syscall.SIGCHLD {
			return nil
		}
		for {
			if pid, _ := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 {
				break
			}
		}
	}
	return nil
}

var commands = map[string]func([]string) error{
	"serve": serve, "get": get, "load": load, "greet": greet, "greeted": greeted, "job": job, "pause": pause,
}

func flagsOf(name string) *flag.FlagSet { return flag.NewFlagSet(name, flag.ExitOnError) }

func main() {
	if called := path.Base(os.Args[0]); called == "server" || called == "client" {
		run := map[string]func([]string) error{"server": echoServer, "client": echoClient}[called]
		if err := run(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, called+":", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: app serve|get|load|greet|greeted|job|pause")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, os.Args[1]+":", err)
		os.Exit(1)
	}
}
