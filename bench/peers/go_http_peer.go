// go_http_peer.go - the cases of bench/http.c, for Go's net/http.
//
// usage: BENCH_URL=http://.../v1 go_http_peer CASE N PASSES
//
// Prints one figure a line, as bench/http.h tells.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type request struct {
	Model    string    `json:"model"`
	Messages []message `json:"messages"`
}

type answer struct {
	Choices []struct {
		Message message `json:"message"`
	} `json:"choices"`
}

func die(what interface{}) {
	fmt.Fprintln(os.Stderr, what)
	os.Exit(1)
}

func chat(client *http.Client, url string) {
	body, err := json.Marshal(request{"gpt-3.5-turbo",
		[]message{{"user", "What is Python?"}}})
	if err != nil {
		die(err)
	}
	post, err := http.NewRequest("POST", url, bytes.NewReader(body))
	if err != nil {
		die(err)
	}
	post.Header.Set("Content-Type", "application/json")
	post.Header.Set("Authorization", "Bearer any")
	reply, err := client.Do(post)
	if err != nil {
		die(err)
	}
	defer reply.Body.Close()
	var said answer
	if err := json.NewDecoder(reply.Body).Decode(&said); err != nil {
		die(err)
	}
	if reply.StatusCode != 200 || len(said.Choices) == 0 ||
		said.Choices[0].Message.Content == "" {
		die("not a right answer: " + reply.Status)
	}
}

func pass(client *http.Client, url string, inFlight int, n int64) {
	var workers sync.WaitGroup
	workers.Add(inFlight)
	for i := 0; i < inFlight; i++ {
		go func() {
			defer workers.Done()
			for atomic.AddInt64(&n, -1) >= 0 {
				chat(client, url)
			}
		}()
	}
	workers.Wait()
}

func seconds(cpu bool) float64 {
	if !cpu {
		return float64(time.Now().UnixNano()) / 1e9
	}
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func main() {
	if len(os.Args) != 4 {
		die("usage: go_http_peer CASE N PASSES")
	}
	words := strings.Split(os.Args[1], "-")
	inFlight, _ := strconv.Atoi(words[len(words)-1])
	n, _ := strconv.Atoi(os.Args[2])
	passes, _ := strconv.Atoi(os.Args[3])
	url := os.Getenv("BENCH_URL") + "/chat/completions"
	client := &http.Client{Transport: &http.Transport{
		MaxIdleConns: 0, MaxIdleConnsPerHost: inFlight}}

	best := math.Inf(1)
	for i := 0; i < passes; i++ {
		start := seconds(words[0] == "cpu")
		pass(client, url, inFlight, int64(n))
		figure := (seconds(words[0] == "cpu") - start) / float64(n) * 1e6
		if i == 0 {
			fmt.Println("first", figure)
		} else {
			best = math.Min(best, figure)
		}
	}
	if passes > 1 {
		fmt.Println("best", best)
	}
}
