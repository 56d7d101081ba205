// go_peer.go - the cases of bench/runtime.c, for Go's goroutines.
//
// usage: go_peer CASE N PASSES
//
// Prints one figure a line, as bench/bench.h tells.
package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	delay   = 100 * time.Millisecond
	permits = 100
)

func each(start time.Time, n int) float64 {
	return float64(time.Since(start).Nanoseconds()) / float64(n)
}

// gather runs f in n goroutines, and waits until all of them have ended.
func gather(n int, f func()) {
	var all sync.WaitGroup
	all.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			defer all.Done()
			f()
		}()
	}
	all.Wait()
}

func trivial() {}

func switchTasks(n int) float64 {
	start := time.Now()
	gather(2, func() {
		for i := 0; i < n/2; i++ {
			runtime.Gosched()
		}
	})
	return each(start, n)
}

func spawnAndAwait(n int) float64 {
	start := time.Now()
	done := make(chan struct{})
	for i := 0; i < n; i++ {
		go func() {
			trivial()
			done <- struct{}{}
		}()
		<-done
	}
	return each(start, n)
}

func gatherTrivial(n int) float64 {
	start := time.Now()
	gather(n, trivial)
	return each(start, n)
}

func taskAcquires(n int) float64 {
	start := time.Now()
	semaphore := make(chan struct{}, permits)
	gather(n, func() {
		semaphore <- struct{}{}
		runtime.Gosched()
		<-semaphore
	})
	return each(start, n)
}

func spawnerAcquires(n int) float64 {
	var all sync.WaitGroup
	start := time.Now()
	semaphore := make(chan struct{}, permits)
	all.Add(n)
	for i := 0; i < n; i++ {
		semaphore <- struct{}{}
		go func() {
			defer all.Done()
			runtime.Gosched()
			<-semaphore
		}()
	}
	all.Wait()
	return each(start, n)
}

// sleepBeyond gives the milliseconds beyond the sleep itself.
func sleepBeyond(n int, duration time.Duration) float64 {
	start := time.Now()
	gather(n, func() { time.Sleep(duration) })
	return float64((time.Since(start) - duration).Microseconds()) / 1e3
}

func sleepMany(n int) float64 {
	return sleepBeyond(n, delay)
}

func sleepMillion(n int) float64 {
	return sleepBeyond(n, 5*time.Second)
}

func lateness(n int) float64 {
	late := make([]float64, n)
	for i := range late {
		start := time.Now()
		time.Sleep(100 * time.Microsecond)
		late[i] = float64(time.Since(start).Nanoseconds())/1e3 - 100
	}
	sort.Float64s(late)
	return late[n/2]
}

var cases = map[string]func(n int) float64{
	"switch":           switchTasks,
	"spawn":            spawnAndAwait,
	"gather":           gatherTrivial,
	"task-acquires":    taskAcquires,
	"spawner-acquires": spawnerAcquires,
	"sleep":            sleepMany,
	"sleep-million":    sleepMillion,
	"late":             lateness,
}

func memory(which string) float64 {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		words := strings.Fields(line)
		if len(words) > 1 && words[0] == which+":" {
			kilobytes, _ := strconv.ParseFloat(words[1], 64)
			return kilobytes * 1024
		}
	}
	return 0
}

func main() {
	if len(os.Args) != 4 || cases[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: go_peer CASE N PASSES")
		os.Exit(2)
	}
	pass := cases[os.Args[1]]
	n, _ := strconv.Atoi(os.Args[2])
	passes, _ := strconv.Atoi(os.Args[3])

	before := memory("VmRSS")
	fmt.Println("first", pass(n))
	fmt.Println("memory", (memory("VmHWM")-before)/float64(n))
	best := math.Inf(1)
	for i := 1; i < passes; i++ {
		best = math.Min(best, pass(n))
	}
	if passes > 1 {
		fmt.Println("best", best)
	}
}
