//go:build linux

package jobs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/bench/jobs/measure"
	"github.com/sockeye-im/sockeye/bench/load/crowd"
	"github.com/sockeye-im/sockeye/bench/process"
)

// jobRate is how many jobs a second there are beside messages.
const jobRate = 1000

// Beside is what messages take on one server, without jobs beside them and with.
type Beside struct {
	Messages      float64 // a second, by the clock
	Without, With []crowd.Result
	Jobs          float64 // that were done a second, where there were some
}

// wholeServer is one with jobs as it is told.
type wholeServer struct {
	*process.Process
	data string
	in   io.Writer
}

func (r *runner) serve(ctx context.Context, users int) (s *wholeServer, err error) {
	s = &wholeServer{data: r.data()}
	command := exec.CommandContext(ctx, r.Path("jobserver"), "--listen", "127.0.0.1:0", "--data", s.data, "--log-level", "warn",
		"--max-connections", strconv.Itoa(users+1), "--chat-dm-policy", "anyone")
	if s.in, err = command.StdinPipe(); err != nil {
		return nil, err
	}
	s.Process, err = process.Start(ctx, command, r.Server, "SOCKEYE_LIMITS=off")
	return s, err
}

// do has so many jobs a second be done from now on.
func (s *wholeServer) do(rate int) error {
	_, err := fmt.Fprintln(s.in, rate)
	return err
}

// done is how many jobs were.
func (s *wholeServer) done(ctx context.Context) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Addr+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), " "); name == measure.Done {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, errors.New("the server does not say how many jobs it has done")
}

// beside has users of a whole server write to each other by the clock, at half of the rate that the server reaches, while it does jobs
// and while it does none: in turns, so that what slows the machine down slows down both.
func (r *runner) beside(ctx context.Context, report *Report, round int) (err error) {
	plan := crowd.Plan{Scenario: crowd.Direct, Connections: 1000, Payload: 128, Dialect: "socketio", WarmUp: time.Second, Duration: 4 * time.Second}
	turns := []bool{false, true, true, false, false, true}
	if r.options.Short {
		plan.Connections, plan.WarmUp, plan.Duration, plan.Least = 50, 0, 0, 500
		turns = turns[:2]
	}
	s, err := r.serve(ctx, plan.Connections)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	tokens, err := process.Tokens(s.data, plan.Connections)
	if err != nil {
		return err
	}
	reached, err := r.try(ctx, s, plan, tokens)
	if err != nil {
		return fmt.Errorf("messages, run %d: %w", round+1, err)
	}
	plan.Rate = reached.Rate() / 2
	b := Beside{Messages: plan.Rate}
	var figures []float64
	for _, with := range turns {
		result, jobs, err := r.turn(ctx, s, plan, tokens, with)
		if err != nil {
			return fmt.Errorf("messages beside jobs, run %d: %w", round+1, err)
		}
		if with {
			b.With, figures = append(b.With, result), append(figures, jobs)
		} else {
			b.Without = append(b.Without, result)
		}
		r.Say("run %d  %.0f messages a second beside %.0f jobs a second: median %v, p99 %v, longest %v", round+1, result.Rate(), jobs,
			result.Latency.Median, result.Latency.P99, result.Latency.Max)
	}
	b.Jobs = process.Median(figures)
	report.Beside = append(report.Beside, b)
	return nil
}

// turn measures messages, with jobs or without.
func (r *runner) turn(ctx context.Context, s *wholeServer, plan crowd.Plan, tokens []string, with bool) (result crowd.Result, jobs float64, err error) {
	rate := 0
	if with {
		rate = jobRate
	}
	if err := s.do(rate); err != nil {
		return result, 0, err
	}
	before, err := s.done(ctx)
	if err != nil {
		return result, 0, err
	}
	began := time.Now()
	if result, err = r.try(ctx, s, plan, tokens); err != nil {
		return result, 0, err
	}
	for with && jobs == 0 { // a short one may be over before the first is done
		after, err := s.done(ctx)
		if err != nil {
			return result, 0, err
		}
		jobs = (after - before) / time.Since(began).Seconds()
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return result, 0, ctx.Err()
		}
	}
	return result, jobs, nil
}

func (r *runner) try(ctx context.Context, s *wholeServer, plan crowd.Plan, tokens []string) (result crowd.Result, err error) {
	plan.Addr, plan.PID = s.Addr, s.PID()
	err = r.Try(ctx, crowd.Trial{Plan: plan, Tokens: tokens, Whole: true}, &result)
	if err == nil && (result.Operations == 0 || result.Latency == nil) {
		err = errors.New("nothing was done")
	}
	return result, err
}
