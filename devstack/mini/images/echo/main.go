// Command echo is what the image faas-mini/echo runs, for the tests of functions of container
// images. With PORT set and no arguments it is an HTTP server that answers with what it was sent;
// otherwise it prints its arguments, a line each, and does what some of them say: sleep=1.5,
// memory=BYTES, exit=3.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

func main() {
	if port := os.Getenv("PORT"); port != "" && len(os.Args) == 1 {
		fmt.Fprintln(
			os.Stderr, http.ListenAndServe(":"+port, http.HandlerFunc(answer)),
		) //nolint:gosec // one caller, with timeouts of its own
		os.Exit(1)
	}
	for _, argument := range os.Args[1:] {
		fmt.Println(argument)
	}
	for _, argument := range os.Args[1:] {
		if name, value, ok := strings.Cut(argument, "="); ok {
			do(name, value)
		}
	}
}

// do does one thing; words that name none are just words.
func do(name, value string) {
	amount, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return
	}
	switch name {
	case "sleep":
		time.Sleep(time.Duration(amount * float64(time.Second)))
	case "memory":
		use(int(amount))
	case "exit":
		fmt.Fprintln(os.Stderr, "exiting as told")
		os.Exit(int(amount))
	}
}

// use takes so many bytes of memory, a page at a time.
func use(bytes int) {
	block := make([]byte, bytes)
	for i := 0; i < bytes; i += os.Getpagesize() {
		block[i] = 1
	}
	fmt.Println("used", len(block), "bytes")
}

var served atomic.Int64

// ask waits until the URL answers. What is asked for is the name of this host.
func ask(ctx context.Context, url, host string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/"+host, nil)
	if err != nil {
		return
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	_ = answer.Body.Close()
}

// answer sends back what came. The members sleep, memory, exit, ask and status of the input are
// done; text is answered as text.
func answer(w http.ResponseWriter, r *http.Request) {
	n := served.Add(1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var asked struct {
		Sleep, Memory, Exit json.Number
		Status              int
		Ask, Text           string
	}
	if err := json.Unmarshal(body, &asked); err != nil && !errors.As(err, new(*json.UnmarshalTypeError)) {
		http.Error(w, "no JSON: "+err.Error(), http.StatusBadRequest)
		return
	}
	do("sleep", asked.Sleep.String())
	do("memory", asked.Memory.String())
	do("exit", asked.Exit.String())
	host, _ := os.Hostname()
	if asked.Ask != "" {
		ask(r.Context(), asked.Ask, host)
	}
	if asked.Text == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	if asked.Status != 0 {
		w.WriteHeader(asked.Status)
	}
	if asked.Text != "" {
		fmt.Fprint(w, asked.Text)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"got": json.RawMessage(body), "n": n, "host": host, "execution": r.Header.Get("X-Execution-Id"),
	})
}
