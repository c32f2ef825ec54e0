package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/outbound"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// Sender sends requests: an [outbound.Client].
type Sender interface {
	Do(r *http.Request, maxBody int64) (status int, header http.Header, body []byte, err error)
}

// What is taken of an answer, and kept of an error.
const (
	maxAnswer = 4 << 10 // bytes
	maxError  = 300
)

// notice is an event on its way.
type notice struct {
	id   string // the same each time that it is tried
	kind chat.EventKind
	seq  int64
	body []byte
}

// body is what is told, as Standard Webhooks has it.
type body struct {
	Type      chat.EventKind `json:"type"`
	Timestamp wire.Time      `json:"timestamp"`
	Data      any            `json:"data"`
}

// noticeOf writes an event; not ok for a kind that does not travel.
func noticeOf(epoch, webhook string, e *chat.Event) (n notice, ok bool, err error) {
	event, ok := wire.EventOf(e)
	if !ok {
		return notice{}, false, nil
	}
	n = notice{id: eventID(epoch, webhook, e.ConversationID, e.Seq), kind: e.Kind, seq: e.Seq}
	n.body, err = json.Marshal(body{e.Kind, wire.Time(e.At), event.Payload})
	return n, err == nil, err
}

// eventID is by what a receiver knows an event that comes again. Places in logs are given again after a restore, in another epoch.
func eventID(epoch, webhook, conversation string, seq int64) string {
	digest := sha256.Sum256([]byte(strings.Join([]string{epoch, webhook, conversation, strconv.FormatInt(seq, 10)}, "\x00")))
	return "evt_" + base64.RawURLEncoding.EncodeToString(digest[:18])
}

// verdict is what an attempt says of the next one.
type verdict int

const (
	good     verdict = iota
	refused          // the receiver is there, and does not want this
	silence          // it is not there, or overloaded
	gone             // it wants nothing any more
	notTried         // the server stops, or another one has the line
)

// attempt is what came of one.
type attempt struct {
	verdict verdict
	status  int
	why     string
	asked   time.Duration // for how long to wait
	took    time.Duration
}

// post tells a webhook of something, once.
func post(ctx context.Context, send Sender, w *Webhook, n *notice, timeout time.Duration, now time.Time) attempt {
	began := time.Now()
	within, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	signature, err := Sign(n.id, now, n.body, w.secrets(now)...)
	if err != nil {
		return attempt{verdict: refused, why: err.Error()}
	}
	r, err := http.NewRequestWithContext(within, http.MethodPost, w.URL, bytes.NewReader(n.body))
	if err != nil {
		return attempt{verdict: refused, why: err.Error()}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Sockeye-Webhooks")
	r.Header.Set("Webhook-Id", n.id)
	r.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	r.Header.Set("Webhook-Signature", signature)
	status, header, _, err := send.Do(r, maxAnswer)
	a := judge(status, header, err, timeout)
	if err != nil && ctx.Err() != nil {
		a.verdict = notTried
	}
	a.took = max(time.Since(began), 0)
	return a
}

// judge says what an answer means.
func judge(status int, header http.Header, err error, timeout time.Duration) attempt {
	a := attempt{status: status}
	if err != nil {
		a.verdict, a.why = silence, said(err, timeout)
		if _, is := outbound.WhyNot(err); is {
			a.verdict = refused
		}
		return a
	}
	switch {
	case status >= 200 && status < 300:
		a.verdict = good
		return a
	case status == http.StatusGone:
		a.verdict = gone
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		a.verdict, a.asked = silence, retryAfter(header)
	default:
		a.verdict = refused
	}
	a.why = fmt.Sprintf("the answer was %d %s", status, http.StatusText(status))
	if status >= 300 && status < 400 {
		a.why += ": redirects are not followed"
	}
	return a
}

// said is an error as administrators read it: without the address, which has its own place and may hold a secret.
func said(err error, timeout time.Duration) string {
	var why interface{ Timeout() bool }
	if errors.As(err, &why) && why.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("there was no answer within %v", timeout)
	}
	if forbidden, is := outbound.WhyNot(err); is {
		return forbidden.Error()
	}
	for inner := errors.Unwrap(err); inner != nil && strings.HasPrefix(err.Error(), "Post "); inner = errors.Unwrap(err) {
		err = inner
	}
	text := strings.ReplaceAll(strings.ToValidUTF8(err.Error(), "\uFFFD"), "\x00", "\uFFFD")
	if len(text) > maxError {
		text = text[:maxError]
		for !utf8.ValidString(text) {
			text = text[:len(text)-1]
		}
	}
	return text
}

// maxRetryAfter is for how long a receiver can have itself left alone.
const maxRetryAfter = time.Hour

// retryAfter reads the header of that name, in seconds; everything else is none.
func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(min(seconds, int(maxRetryAfter/time.Second)))*time.Second, maxRetryAfter)
}
