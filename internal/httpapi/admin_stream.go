package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sockeye-im/sockeye/internal/monitor"
	"github.com/sockeye-im/sockeye/internal/wire"
)

const (
	// maxStreams is how many may be open at a time, of all administrators.
	maxStreams = 32
	// recheck is how often it is looked whether who listens is still an administrator.
	recheck = time.Second
	// streamWrite bounds the writing of one event to a client that does not read.
	streamWrite = 10 * time.Second
)

// sampleBody is a sample as it travels.
type sampleBody struct {
	At wire.Time `json:"at"`
	monitor.Sample
}

func samplesOf(samples []monitor.Sample) []sampleBody {
	out := make([]sampleBody, len(samples))
	for i := range samples {
		out[i] = sampleBody{wire.Time(samples[i].At), samples[i]}
	}
	return out
}

// figuresAnswer is the figures, and what does not change.
type figuresAnswer struct {
	Version        string       `json:"version"`
	StartedAt      wire.Time    `json:"startedAt"`
	Processors     int          `json:"processors"`
	MaxConnections int          `json:"maxConnections"`
	Interval       float64      `json:"interval"`
	Samples        []sampleBody `json:"samples"`
}

func (a *API) figures(context.Context, *caller, nothing) (figuresAnswer, error) {
	answer, _ := a.allFigures()
	return answer, nil
}

func (a *API) allFigures() (answer figuresAnswer, taken int) {
	samples, taken := a.deps.Monitor.Since(0)
	last := samples[len(samples)-1] // there is one from the start
	return figuresAnswer{
		Version: version(a.cfg), StartedAt: wire.Time(a.started), Processors: last.Processors, MaxConnections: last.Capacity,
		Interval: a.deps.Monitor.Every().Seconds(), Samples: samplesOf(samples),
	}, taken
}

// streamPayload may end a stream by itself, for who does not want to read for ever.
type streamPayload struct {
	Samples int `json:"samples" need:"optional" min:"0" doc:"After how many events the stream ends; without it, it does not."`
}

func (a *API) streamOperation() operation {
	op := operate(operation{
		method: http.MethodGet, path: "/admin/stream", id: "streamFigures", tag: tagAdmin, needs: anAdmin,
		summary: "Follow the figures of all nodes",
		details: "Server-sent events: `figures` with what getFigures answers, then a `sample` every two seconds, until the caller is no administrator any more or the address is blocked, which `end` says, or the server stops.",
	}, func(context.Context, *caller, streamPayload) (figuresAnswer, error) {
		return figuresAnswer{}, errStreamed
	})
	op.stream = func(w http.ResponseWriter, r *http.Request, c *caller, decode func(any) error) error {
		var p streamPayload
		if err := decode(&p); err != nil {
			return err
		}
		return a.stream(r.Context(), w, c, p.Samples)
	}
	return op
}

var errStreamed = errors.New("httpapi: a stream has no answer")

// stream writes events until most samples were told, or 0 for no end. An error is one before the first event.
func (a *API) stream(ctx context.Context, w http.ResponseWriter, c *caller, most int) error {
	select {
	case a.streams <- struct{}{}:
		defer func() { <-a.streams }()
	default:
		return newProblem(http.StatusServiceUnavailable, codeTooManyStreams, "", fmt.Sprintf("There are %d streams already", maxStreams))
	}
	out := events{w: w, connection: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep events back
	all, taken := a.allFigures()
	if out.write("figures", all) != nil {
		return nil // the caller is gone, as below
	}
	for told := 1; most == 0 || told < most; {
		err := a.await(ctx, c, taken)
		switch {
		case errors.Is(err, errNoAdmin):
			_ = out.write("end", endOf{codeAdminRequired})
			return nil
		case errors.Is(err, errBlocked):
			_ = out.write("end", endOf{codeAddressBlocked})
			return nil
		case err != nil:
			return nil
		}
		var fresh []monitor.Sample
		fresh, taken = a.deps.Monitor.Since(taken)
		for _, sample := range samplesOf(fresh) {
			if out.write("sample", sample) != nil {
				return nil
			}
			told++
		}
	}
	return nil
}

// endOf is why a stream ends that could go on.
type endOf struct {
	Reason string `json:"reason"`
}

var (
	errNoAdmin = errors.New("httpapi: no administrator any more")
	errBlocked = errors.New("httpapi: the address was blocked")
)

// await returns when there are more than taken samples. While it waits, and then, it looks whether the caller still may
// see them.
func (a *API) await(ctx context.Context, c *caller, taken int) error {
	for {
		short, cancel := context.WithTimeout(ctx, recheck)
		err := a.deps.Monitor.Wait(short, taken)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		may, fault := a.deps.Accounts.Administers(ctx, c.identity)
		switch {
		case fault != nil:
			return fault
		case !may:
			return errNoAdmin
		case a.deps.Accounts.AddressBlocked(c.address):
			return errBlocked
		case err == nil:
			return nil
		}
	}
}

// events writes server-sent events.
type events struct {
	w          http.ResponseWriter
	connection *http.ResponseController
}

func (e *events) write(name string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	_ = e.connection.SetWriteDeadline(time.Now().Add(streamWrite)) // only a test's recorder has none
	if _, err := fmt.Fprintf(e.w, "event: %s\ndata: %s\n\n", name, text); err != nil {
		return err
	}
	return e.connection.Flush()
}
