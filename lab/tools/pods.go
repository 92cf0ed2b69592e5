// What the lab's pods run: blue, which tells a client who answered and whom it saw, and pause, which holds a
// pod's namespaces.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

// runBlue answers on TCP (HTTP) and UDP with `pod=NAME ip=ADDRESS client=ADDRESS:PORT`.
func runBlue(arguments []string) error {
	flags := flag.NewFlagSet("blue", flag.ContinueOnError)
	port := flags.Int("port", 8888, "TCP and UDP port")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	name, _ := os.Hostname()
	udp, err := net.ListenPacket("udp", fmt.Sprintf(":%d", *port))
	if err != nil {
		return err
	}
	go answerDatagrams(udp, name)
	return http.ListenAndServe(fmt.Sprintf(":%d", *port), http.HandlerFunc(
		func(response http.ResponseWriter, request *http.Request) {
			local := request.Context().Value(http.LocalAddrContextKey).(net.Addr)
			host, _, _ := net.SplitHostPort(local.String())
			// A client on a kept connection would see one pod only.
			response.Header().Set("Connection", "close")
			fmt.Fprintf(response, "pod=%s ip=%s client=%s\n", name, host, request.RemoteAddr)
		}))
}

func answerDatagrams(socket net.PacketConn, name string) {
	buffer := make([]byte, 2048)
	for {
		_, client, err := socket.ReadFrom(buffer)
		if err != nil {
			return
		}
		_, _ = socket.WriteTo([]byte(fmt.Sprintf("pod=%s client=%s\n", name, client)), client)
	}
}

func runPause([]string) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	for {
		select {
		case <-signals:
			return nil
		case <-children:
			reap()
		}
	}
}

func reap() {
	for {
		if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
			return
		}
	}
}
