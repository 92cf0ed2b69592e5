// Measures the rate of this processor's time stamp counter. An emulated guest counts by it, but finds out the rate
// wrongly when other processes take its time: its clock then runs many times too fast.
package main

import (
	"fmt"
	"time"
)

func readTSC() uint64

// sample pairs the counter with the clock, taken as closely together as a few tries allow.
func sample(start time.Time) (counter uint64, at time.Duration) {
	shortest := time.Hour
	for try := 0; try < 50; try++ {
		before := time.Since(start)
		value := readTSC()
		after := time.Since(start)
		if after-before < shortest {
			shortest, counter, at = after-before, value, (before+after)/2
		}
	}
	return counter, at
}

// runTSC prints the counter's rate in kHz.
func runTSC([]string) error {
	start := time.Now()
	firstCounter, firstTime := sample(start)
	time.Sleep(100 * time.Millisecond)
	lastCounter, lastTime := sample(start)
	fmt.Println(int64(float64(lastCounter-firstCounter) / (lastTime - firstTime).Seconds() / 1000))
	return nil
}
