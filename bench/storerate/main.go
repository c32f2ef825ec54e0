//go:build linux

// Command storerate measures what a store reaches by itself: many callers at a time store messages, each with all that one
// sent by a client has, as fast as they can. It prints what that took, as JSON.
//
//	go run ./bench/storerate -data /tmp/store
//	go run ./bench/storerate -store postgres -database postgres://… -conversations 10000
//
// Beside the stores there is a bare writer, which stores the same rows in PostgreSQL and asks nothing, see bare.go.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
)

func main() {
	var p plan
	flag.StringVar(&p.store, "store", storeSQLite, "`name` of what stores: "+storeSQLite+", "+storePostgres+", "+storeBare)
	flag.StringVar(&p.data, "data", "", "`folder` for SQLite's database")
	flag.StringVar(&p.database, "database", "", "`address` of a new PostgreSQL database")
	flag.IntVar(&p.databasePID, "database-pid", 0, "`id` of PostgreSQL's first process, whose time is measured with that of its children")
	flag.IntVar(&p.callers, "callers", 1000, "how many store at a time")
	flag.IntVar(&p.conversations, "conversations", 0, "how many direct conversations there are before; 1: a room of all callers; 0: one for every two callers, which is made by its first message")
	flag.IntVar(&p.payload, "payload", 128, "bytes of content in a message")
	flag.IntVar(&p.vocabulary, "vocabulary", 1, "how many words messages are made of; the n-th is used 1/n as often as the first")
	flag.DurationVar(&p.warmUp, "warmup", time.Second, "time before the measurement")
	flag.DurationVar(&p.duration, "duration", 4*time.Second, "time of the measurement")
	flag.Int64Var(&p.least, "least", 0, "messages to measure at least, however much longer that takes")
	flag.StringVar(&p.profile, "profile", "", "write a CPU profile of the measurement to this `file`")
	flag.Parse()
	result, err := p.run(context.Background())
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "storerate:", err)
		os.Exit(1)
	}
}

type plan struct {
	store, data, database, profile string
	databasePID                    int
	callers, conversations         int
	payload, vocabulary            int
	warmUp, duration               time.Duration
	least                          int64
}

func (p plan) run(ctx context.Context) (result crowd.Result, err error) {
	w := newWork(p)
	if w.store, err = p.open(ctx, w); err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, w.store.Close()) }()
	var running sync.WaitGroup
	for i := range p.callers {
		running.Go(func() { w.caller(ctx, i) })
	}
	time.Sleep(p.warmUp)
	result, err = p.measure(w)
	close(w.stop)
	running.Wait()
	if failed := w.failure.Load(); failed != nil {
		err = errors.Join(*failed, err)
	}
	return result, err
}

func (p plan) measure(w *work) (result crowd.Result, err error) {
	if p.profile != "" {
		file, err := os.Create(p.profile)
		if err != nil {
			return result, err
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return result, errors.Join(err, file.Close())
		}
		defer func() {
			pprof.StopCPUProfile()
			err = errors.Join(err, file.Close())
		}()
	}
	before, err := w.read()
	if err != nil {
		return result, err
	}
	w.wait(p.duration, before.stored+p.least)
	after, err := w.read()
	return after.since(before), err
}
