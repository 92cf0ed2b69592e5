// What the lab's pods run: blue, which tells a client who answered and whom it saw; fetch, the client; and pause,
// which holds a pod's namespaces.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
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

// runFetch prints what a URL answers; a status other than 200 is an error. (A static busybox's wget crashes when it
// is given a time limit.)
func runFetch(arguments []string) error {
	flags := flag.NewFlagSet("fetch", flag.ContinueOnError)
	limit := flags.Duration("timeout", 10*time.Second, "time limit")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	client := http.Client{Timeout: *limit}
	response, err := client.Get(flags.Arg(0))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(os.Stdout, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
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
