// The host's end of the command channel: any number of clients on a unix socket, one virtio port behind it.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// runRelay takes PORT (the unix socket of QEMU's virtio port) and LISTEN (the socket for clients).
// It ends when QEMU ends.
func runRelay(arguments []string) error {
	if len(arguments) != 2 {
		return errors.New("usage: relay PORT LISTEN")
	}
	link, err := dialPort(arguments[0])
	if err != nil {
		return err
	}
	return serveClients(link, arguments[1])
}

// serveClients passes the clients of the unix socket at path on to the port behind link, until that ends.
func serveClients(link io.ReadWriter, path string) error {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	defer listener.Close()
	multiplexer := newMultiplexer(link, nil)
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go relayClient(multiplexer, client.(*net.UnixConn))
		}
	}()
	if err := multiplexer.Serve(); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// QEMU makes its socket a moment after it starts.
func dialPort(path string) (net.Conn, error) {
	for attempt := 0; ; attempt++ {
		link, err := net.Dial("unix", path)
		if err == nil || attempt == 200 {
			return link, err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func relayClient(multiplexer *Multiplexer, client *net.UnixConn) {
	defer client.Close()
	stream, err := multiplexer.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stream.Close()
	go func() {
		_, _ = io.Copy(client, stream)
		_ = client.Close()
	}()
	_, _ = io.Copy(stream, client)
}
