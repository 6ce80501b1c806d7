package main

import (
	"bufio"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func greet(arguments []string) error {
	flags := flagsOf("greet")
	port := flags.Int("port", 3306, "")
	_ = flags.Parse(arguments)
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", *port))
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stop
		listener.Close()
	}()
	pod, _ := os.Hostname()
	for {
		connection, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			if _, err := fmt.Fprintf(connection, "greetings from %s\n", pod); err != nil {
				log.Print(err)
				return
			}
			lines := bufio.NewScanner(connection)
			for lines.Scan() {
				if _, err := fmt.Fprintf(connection, "%s says %s\n", pod, lines.Text()); err != nil {
					log.Print(err)
					return
				}
			}
		}()
	}
}

// Waits for the greeting before it says anything; prints it, how long it took, and the answer.
func greeted(arguments []string) error {
	if len(arguments) != 1 {
		return errors.New("want HOST:PORT")
	}
	start := time.Now()
	connection, err := net.DialTimeout("tcp", arguments[0], 5*time.Second)
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	reader := bufio.NewReader(connection)
	greeting, err := reader.ReadString('\n')
	if err != nil {
		return fmt.Errorf("no greeting: %w", err)
	}
	waited := time.Since(start)
	if _, err := fmt.Fprintln(connection, "thanks"); err != nil {
		return err
	}
	answer, err := reader.ReadString('\n')
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	fmt.Printf("%d ms | %s | %s\n", waited.Milliseconds(), strings.TrimSpace(greeting), strings.TrimSpace(answer))
	return nil
}
