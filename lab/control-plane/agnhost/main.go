// The program `agnhost` of upstream's test images, as it is, but for its start: a probe is one `agnhost connect`, of which a case of network
// policies makes hundreds, and most of what it takes is the start of fifty megabytes of other commands. That one command is a program here;
// whatever else is asked for is the whole program.
//
// Over SCTP it writes once it is connected, to a server that closes as soon as it has accepted (porter.go). Where one processor runs both, as
// in an emulated node, the close comes first and upstream's command says "broken pipe": here that it was connected is what counts.
package main

import (
	"fmt"
	"os"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/kubernetes/test/images/agnhost/connect"
)

const whole = "/agnhost-whole"

func main() {
	if len(os.Args) < 2 || os.Args[1] != connect.CmdConnect.Name() {
		err := syscall.Exec(whole, os.Args, os.Environ())
		fmt.Fprintln(os.Stderr, whole, err)
		os.Exit(1)
	}
	command := *connect.CmdConnect
	upstream := command.Run
	command.Run = func(cmd *cobra.Command, args []string) {
		if protocol, _ := cmd.Flags().GetString("protocol"); protocol == "sctp" {
			connectSCTP(cmd, args[0])
		} else {
			upstream(cmd, args)
		}
	}
	root := &cobra.Command{Use: "app"}
	root.AddCommand(&command)
	if root.Execute() != nil {
		os.Exit(1)
	}
}
