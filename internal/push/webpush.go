package push

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sockeye-im/sockeye/internal/outbound"
)

// Outcome is what came of telling a device.
type Outcome string

// Outcomes.
const (
	Sent    Outcome = "sent"    // the service has it
	Gone    Outcome = "gone"    // there is no such device any more
	Later   Outcome = "later"   // the service is away, or overloaded
	Refused Outcome = "refused" // the service does not want it, and would not the next time
	Expired Outcome = "expired" // it was tried until its time was over
)

// Outcomes are all.
var Outcomes = []Outcome{Sent, Gone, Later, Refused, Expired}

// attempt is what came of one, and for how long to wait where it is Later.
type attempt struct {
	outcome Outcome
	after   time.Duration
	why     string
	asked   bool // the service has answered
	// ours is that the service does not take what the operator has given as credentials.
	ours bool
}

// Sender sends requests: an [outbound.Client].
type Sender interface {
	Do(r *http.Request, maxBody int64) (status int, header http.Header, body []byte, err error)
}

// The bounds of what comes back, and of how long it takes.
const (
	maxAnswer     = 4 << 10 // bytes
	sendTimeout   = 15 * time.Second
	maxRetryAfter = time.Hour
)

// notice is what a device is told.
type notice struct {
	fields    Fields
	id        string
	at, until time.Time
	// back is that the device takes something back, and shows nothing.
	back bool
}

// carrier tells devices of one type.
type carrier interface {
	// tell tells a device once. An error says that nothing was tried, as ctx has ended.
	tell(ctx context.Context, s *Subscription, n *notice) (attempt, error)
}

// webPush tells browsers.
type webPush struct {
	client
	key *Key
}

func (w *webPush) tell(ctx context.Context, s *Subscription, n *notice) (attempt, error) {
	origin, err := originOf(s.Address)
	if err != nil {
		return attempt{outcome: Gone, why: err.Error()}, nil
	}
	return w.post(ctx, origin, func(ctx context.Context) (*http.Request, *attempt) {
		r, err := w.request(ctx, s, n)
		if err != nil {
			return nil, &attempt{outcome: Refused, why: err.Error()}
		}
		return r, nil
	}, func(got *answer) attempt { return judge(got.status, got.header, got.err, w.now()) })
}

// request is what RFC 8030, section 5, RFC 8291, section 4 and RFC 8292, section 3 ask for.
func (w *webPush) request(ctx context.Context, s *Subscription, n *notice) (*http.Request, error) {
	plain, err := n.fields.plain(n.id, n.at, MaxPlain)
	if err != nil {
		return nil, err
	}
	body, err := encrypt(plain, s)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	origin, err := originOf(s.Address)
	if err != nil {
		return nil, err
	}
	authorization, err := w.key.authorization(origin, w.now())
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", authorization)
	r.Header.Set("Content-Encoding", "aes128gcm")
	r.Header.Set("Content-Type", "application/octet-stream")
	r.Header.Set("TTL", strconv.FormatInt(int64(max(n.until.Sub(w.now()), 0)/time.Second), 10))
	r.Header.Set("Urgency", string(n.fields.urgency()))
	r.Header.Set("Topic", n.fields.topic(n.id))
	r.Header.Set("User-Agent", "Sockeye-Push")
	return r, nil
}

// originOf is what a token is for (RFC 8292, section 2, by RFC 6454).
func originOf(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return "", errors.New("the endpoint is no address")
	}
	return u.Scheme + "://" + u.Host, nil
}

// judge says what an answer means. Nothing of what the service says is kept but the status: it is a stranger.
func judge(status int, header http.Header, err error, now time.Time) attempt {
	if err != nil {
		if why, is := outbound.WhyNot(err); is {
			return attempt{outcome: Refused, why: why.Error()}
		}
		return attempt{outcome: Later, why: "there was no answer"}
	}
	why := fmt.Sprintf("the answer was %d", status)
	switch {
	case status >= 200 && status < 300:
		return attempt{outcome: Sent, asked: true}
	case status == http.StatusNotFound, status == http.StatusGone:
		return attempt{outcome: Gone, why: why, asked: true}
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		return attempt{outcome: Later, after: retryAfter(header, now), why: why, asked: true}
	}
	return attempt{outcome: Refused, why: why, asked: true}
}

// retryAfter reads the header of that name (RFC 9110, section 10.2.3), seconds or a date; everything else is none.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return min(max(time.Duration(min(seconds, int64(maxRetryAfter/time.Second)))*time.Second, 0), maxRetryAfter)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}
