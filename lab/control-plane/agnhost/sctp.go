package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/ishidawataru/sctp"
	"github.com/spf13/cobra"
)

// connectSCTP says what upstream's connect says, but for a server that has closed already: it was connected to.
func connectSCTP(cmd *cobra.Command, destination string) {
	timeout, _ := cmd.Flags().GetDuration("timeout")
	data, _ := cmd.Flags().GetString("sctp-data")
	address, err := sctp.ResolveSCTPAddr("sctp", destination)
	if err != nil {
		fail("DNS: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- exchange(address, data) }()
	select {
	case err := <-ended:
		if err != nil {
			fail("OTHER: %v", err)
		}
	case <-time.After(timeout):
		fail("TIMEOUT")
	}
}

func exchange(address *sctp.SCTPAddr, data string) error {
	connection, err := sctp.DialSCTP("sctp", nil, address)
	if err != nil {
		return err
	}
	defer connection.Close()
	if _, err = connection.Write([]byte(data + "\n")); err == nil {
		_, err = connection.Read(make([]byte, 1024))
	}
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	return err
}

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(1)
}
