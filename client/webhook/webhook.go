// Package webhook receives what a Sockeye server tells of what happens in conversations, and answers. This is a whole bot, which says
// again what is said in rooms:
//
//	bot := webhook.Bot{Server: "https://chat.example", Key: key, Secret: secret}
//	bot.Handle = func(ctx context.Context, e *webhook.Event) error {
//		if m, is := e.Message(); is && m.RoomID != "" && m.Type != "system" {
//			return bot.Reply(ctx, e, m.Content)
//		}
//		return nil
//	}
//	log.Fatal(bot.ListenAndServe(":8080"))
//
// Events are signed as https://www.standardwebhooks.com has it. They come at least once, and in the order of their conversation; which
// there are is in docs/webhooks.md of the server.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The bounds of what comes.
const (
	// MaxBody is how many bytes an event has at most that a Bot reads.
	MaxBody = 1 << 20
	// Tolerance is how far the time of a request may be from the present: one that is older may be somebody's who has heard it.
	Tolerance = 5 * time.Minute

	handleFor = 15 * time.Second // the server waits no longer
	maxAnswer = 64 << 10
)

// Errors of [Verify]. Compare by errors.Is.
var (
	ErrSecret    = errors.New("webhook: the secret is none: it is whsec_ and base64")
	ErrSignature = errors.New("webhook: the request is not signed by the secret")
	ErrTime      = errors.New("webhook: the time of the request is none, or not the present")
)

// Verify tells whether a request with this header and body is of somebody who knows the secret, and of now; otherwise why not. Of several
// signatures, as there are for a day behind a change of the secret, one that fits is enough.
func Verify(secret string, header http.Header, body []byte, now time.Time) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) == 0 {
		return ErrSecret
	}
	id, at := header.Get("Webhook-Id"), header.Get("Webhook-Timestamp")
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > Tolerance {
		return ErrTime
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + at + "."))
	mac.Write(body)
	want := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	for signature := range strings.FieldsSeq(header.Get("Webhook-Signature")) {
		if hmac.Equal([]byte(signature), want) {
			return nil
		}
	}
	return ErrSignature
}

// Event is what has happened.
type Event struct {
	// ID is the same when the event is told again: who must not do something twice remembers those of the last day.
	ID        string          `json:"-"`
	Type      string          `json:"type"` // such as message.created
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// Message is one that somebody has sent, to a room or to a user.
type Message struct {
	ID             string `json:"id"`
	ConversationID string `json:"conversationId"`
	Seq            int64  `json:"seq"` // its place in the conversation
	RoomID         string `json:"roomId"`
	RecipientID    string `json:"recipientId"`
	SenderID       string `json:"senderId"`
	SenderUsername string `json:"senderUsername"`
	Content        string `json:"content"`
	Type           string `json:"type"` // text, image, file; system is what a bot says by a webhook
	ReplyTo        string `json:"replyTo"`
}

// Message is the message that was sent, if the event is that.
func (e *Event) Message() (m Message, is bool) {
	if e.Type != "message.created" || json.Unmarshal(e.Data, &m) != nil {
		return Message{}, false
	}
	return m, true
}

// Bot is told of events, as an http.Handler, and says something. Its fields are set before it is used; its methods may be called
// concurrently then.
type Bot struct {
	// Secret is that of the webhook, which signs what comes.
	Secret string
	// Handle is called with each event: those of a conversation one after the other, others at the same time. Where it returns an
	// error the event comes again, and what follows in the conversation waits. It has 15 s.
	Handle func(context.Context, *Event) error
	// Server is where to reply, without a path, and Key an API key with the scope messages.
	Server, Key string
	// Client sends replies; nil is http.DefaultClient.
	Client *http.Client
}

// ServeHTTP takes an event. What is not signed by the secret is answered with 401, and goes no further.
func (b *Bot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	if err := Verify(b.Secret, r.Header, body, time.Now()); err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	e := Event{ID: r.Header.Get("Webhook-Id")}
	if err := json.Unmarshal(body, &e); err != nil {
		http.Error(w, "the body is no event", http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), handleFor)
	defer cancel()
	if b.Handle != nil {
		if err := b.Handle(ctx, &e); err != nil {
			http.Error(w, "the event was not handled", http.StatusInternalServerError)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// Refusal is why the server does not say something.
type Refusal struct {
	Status int    `json:"status"` // of HTTP
	Code   string `json:"code"`   // one of docs/protocol.md
	Detail string `json:"detail"` // for people
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("webhook: the server answers %d %s: %s", r.Status, r.Code, r.Detail)
}

// ErrNoRoom says that there is no room in which to reply: the event is of no message in one.
var ErrNoRoom = errors.New("webhook: the event is of no message in a room")

// Reply says a text in the room of an event's message, as the system. It says it once, however often the event comes, and there is one
// reply to an event: another text is a *Refusal. It is to be called within Handle, so that the event comes again where it fails.
func (b *Bot) Reply(ctx context.Context, e *Event, text string) error {
	m, is := e.Message()
	if !is || m.RoomID == "" {
		return ErrNoRoom
	}
	body, err := json.Marshal(map[string]string{"content": text, "clientMsgId": "reply-" + e.ID})
	if err != nil {
		return fmt.Errorf("webhook: encode a reply: %w", err)
	}
	to := strings.TrimRight(b.Server, "/") + "/api/v1/server/rooms/" + url.PathEscape(m.RoomID) + "/messages"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("webhook: make a reply: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+b.Key)
	r.Header.Set("Content-Type", "application/json")
	client := b.Client
	if client == nil {
		client = http.DefaultClient
	}
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("webhook: reply: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode < 300 {
		return nil
	}
	why := &Refusal{}
	_ = json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(why) // what is between may answer something else
	why.Status = answer.StatusCode
	return why
}

// ListenAndServe listens at a TCP address, such as :8080, and takes events until that fails. The server dials public addresses by HTTPS
// alone, unless it is told otherwise (webhook-allow): there it is behind a proxy, or b is the handler of a server of your own.
func (b *Bot) ListenAndServe(address string) error {
	server := &http.Server{Addr: address, Handler: b, ReadHeaderTimeout: handleFor, ReadTimeout: 2 * handleFor, IdleTimeout: 2 * time.Minute}
	return server.ListenAndServe()
}
