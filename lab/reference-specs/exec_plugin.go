// Takes the place of the plugin's own functions in its specs: each call executes the plugin under test, as a runtime does.

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/containernetworking/cni/pkg/skel"
)

// environment is ours without what a spec has set for functions, which take their arguments otherwise.
func environment(command, plugin string, args *skel.CmdArgs) []string {
	kept := []string{}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "CNI_") {
			kept = append(kept, variable)
		}
	}
	extra := args.Args
	if extra != "" {
		// The IPAM plugin that the plugin executes reads it too, and knows none of the plugin's own arguments.
		extra = "IgnoreUnknown=1;" + extra
	}
	return append(kept, "CNI_COMMAND="+command, "CNI_CONTAINERID="+args.ContainerID, "CNI_NETNS="+args.Netns,
		"CNI_IFNAME="+args.IfName, "CNI_ARGS="+extra, "CNI_PATH="+filepath.Dir(plugin), "CNI_NETNS_OVERRIDE=1")
}

func execPlugin(command string, args *skel.CmdArgs) error {
	plugin := os.Getenv("PLUGIN_UNDER_TEST")
	child := exec.Command(plugin)
	var output, errorOutput bytes.Buffer
	child.Env = environment(command, plugin, args)
	child.Stdin = bytes.NewReader(args.StdinData)
	child.Stdout = &output
	child.Stderr = &errorOutput
	if err := child.Run(); err != nil {
		var answer struct{ Msg string }
		if json.Unmarshal(output.Bytes(), &answer) != nil {
			return fmt.Errorf("%w: %s %s", err, output.String(), errorOutput.String())
		}
		return errors.New(answer.Msg)
	}
	_, err := os.Stdout.Write(output.Bytes())
	return err
}

func cmdAdd(args *skel.CmdArgs) error    { return execPlugin("ADD", args) }
func cmdDel(args *skel.CmdArgs) error    { return execPlugin("DEL", args) }
func cmdCheck(args *skel.CmdArgs) error  { return execPlugin("CHECK", args) }
func cmdStatus(args *skel.CmdArgs) error { return execPlugin("STATUS", args) }
func cmdGC(args *skel.CmdArgs) error     { return execPlugin("GC", args) }
