package push

import (
	"context"
	"net/http"
	"time"
)

// answer is what came of a request.
type answer struct {
	status int
	header http.Header
	body   []byte // the beginning of it
	err    error  // there is no answer
}

// client asks push services, and leaves alone those that fail. Its methods may be called concurrently.
type client struct {
	send  Sender
	gates *gates
	now   func() time.Time
}

func newClient(send Sender, now func() time.Time) client {
	return client{send: send, gates: &gates{all: make(map[string]*gate)}, now: now}
}

// post sends a request to the service of an origin, if that is not left alone, within the time that one may take. request makes it, or says
// why there is none; judge says what the answer means. An error says that nothing was tried, as ctx has ended.
func (c client) post(ctx context.Context, origin string, request func(context.Context) (*http.Request, *attempt), judge func(*answer) attempt) (attempt, error) {
	if rest := c.gates.closed(origin, c.now()); rest > 0 {
		return attempt{outcome: Later, after: rest, why: "the service is left alone for a while"}, nil
	}
	within, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	var a attempt
	if r, instead := request(within); instead != nil {
		a = *instead
	} else {
		var got answer
		got.status, got.header, got.body, got.err = c.send.Do(r.WithContext(within), maxAnswer)
		a = judge(&got)
	}
	if !a.asked && ctx.Err() != nil {
		return attempt{}, ctx.Err()
	}
	switch {
	case a.outcome == Later:
		c.gates.failing(origin, c.now(), a.after)
	case a.asked:
		c.gates.answered(origin)
	}
	return a, nil
}
