// The lab's own small programs in one static file, which has no dependency: the command channel into a
// node (agent in the guest, relay or machine on the host), what benchmarks measure with (writes), the clock of
// emulated guests (tsc), and what the lab's pods run (blue, fetch, pause).
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

var programs = map[string]func(arguments []string) error{
	"agent":   runAgent,
	"machine": runMachine,
	"relay":   runRelay,
	"blue":    runBlue,
	"fetch":   runFetch,
	"pause":   runPause,
	"tsc":     runTSC,
	"writes":  runWrites,
}

func main() {
	name, arguments := filepath.Base(os.Args[0]), os.Args[1:]
	program, found := programs[name]
	if !found && len(arguments) > 0 {
		name, arguments = arguments[0], arguments[1:]
		program, found = programs[name]
	}
	if !found {
		fmt.Fprintln(os.Stderr, "usage: lab-tools agent|relay|machine|tsc|writes|blue|fetch|pause …")
		os.Exit(2)
	}
	if err := program(arguments); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}
