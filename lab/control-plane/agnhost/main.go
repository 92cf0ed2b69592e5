// The program `agnhost` of upstream's test images, as it is, but for its start: a probe is one `agnhost connect`, of which a case of network
// policies makes hundreds, and most of what it takes is the start of fifty megabytes of other commands. That one command is a program here;
// whatever else is asked for is the whole program.
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
	root := &cobra.Command{Use: "app"}
	root.AddCommand(connect.CmdConnect)
	if root.Execute() != nil {
		os.Exit(1)
	}
}
