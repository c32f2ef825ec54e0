package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/socketio"
)

// command is one row of the table.
type command struct {
	name string
	// fault is what the client is told when the server is at fault.
	fault string
	run   func(ctx context.Context, c *call, payload socketio.Value) (answer any, err error)
}

// call is one event on its way through a command.
type call struct {
	gateway *Gateway
	socket  *socketio.Socket
	session *session
	command *command
}

// declare makes a row whose payload is a P.
func declare[P any](name, fault string, run func(ctx context.Context, c *call, p P) (any, error)) command {
	return command{name: name, fault: fault, run: func(ctx context.Context, c *call, payload socketio.Value) (any, error) {
		var p P
		malformed := decode(payload, &p)
		if err := c.withinRate(ctx, p); err != nil { // what is malformed counts too
			return nil, err
		}
		if malformed != nil {
			return nil, malformed
		}
		return run(ctx, c, p)
	}}
}

// run carries an event out and answers it: by its acknowledgement if one is
// asked for, else failures by an error event.
func (g *Gateway) run(ctx context.Context, c *command, e *socketio.Event) {
	signedIn, ok := e.Socket().Data().(*session)
	if !ok || !signedIn.counted {
		return // being turned away
	}
	began := g.now()
	// What was received is carried out, even if the client is gone by now: it
	// may find the answer when it asks again.
	ctx = context.WithoutCancel(ctx)
	var payload socketio.Value
	if args := e.Args(); len(args) > 0 {
		payload = args[0]
	}
	answer, err := c.run(ctx, &call{gateway: g, socket: e.Socket(), session: signedIn, command: c}, payload)
	g.metrics.Message(c.name, err == nil)
	g.metrics.Observe(c.name, g.now().Sub(began))
	if err != nil {
		g.answerError(c, e, err)
		return
	}
	if e.WantsAck() {
		if err := e.Ack(answer); err != nil {
			g.log.Debug("acknowledgement could not be sent", "event", c.name, "err", err)
		}
	}
}

func (g *Gateway) answerError(c *command, e *socketio.Event, err error) {
	refusal := publicError(err, c.fault)
	if refusal.Code == string(chat.CodeInternal) {
		g.log.Error("command failed", "event", c.name, "err", err)
	}
	g.metrics.Error("command", refusal.Code)
	if e.WantsAck() {
		_ = e.Ack(struct { // a socket that is gone needs no answer
			OK    bool      `json:"ok"`
			Error wireError `json:"error"`
		}{false, refusal})
		return
	}
	refusal.Event = c.name
	_ = e.Socket().Emit("error", refusal)
}

// wireError is a refusal as it travels.
type wireError struct {
	Code       string `json:"code"`
	Message    string `json:"message"`
	Field      string `json:"field,omitempty"`
	Limit      int    `json:"limit,omitempty"`
	RetryAfter int    `json:"retryAfter,omitempty"` // seconds
	Event      string `json:"event,omitempty"`
}

func errorOf(e *chat.Error) wireError {
	return wireError{Code: string(e.Code), Message: e.Message, Field: e.Field, Limit: e.Limit}
}

// rateError refuses an event that came too soon.
type rateError struct {
	rate Rate
	wait time.Duration
}

func (e *rateError) Error() string { return "Too many requests" }

// publicError is the one map from errors to what Socket.IO clients see.
func publicError(err error, fault string) wireError {
	var tooSoon *rateError
	switch {
	case errors.As(err, &tooSoon):
		return wireError{
			Code: codeRateLimited, Message: tooSoon.Error(), Limit: tooSoon.rate.Events,
			RetryAfter: int(math.Ceil(tooSoon.wait.Seconds())),
		}
	case errors.Is(err, account.ErrUnauthenticated):
		return wireError{Code: codeAuthenticationFailed, Message: "Authentication failed"}
	}
	return errorOf(chat.Public(err, fault))
}

// decode reads a payload. What is wrong with it is told by field.
func decode(payload socketio.Value, dst any) error {
	if payload == nil {
		return &chat.Error{Code: chat.CodeMissingFields, Message: "Missing required fields"}
	}
	if payload.HasBinary() {
		// It would be decoded as base64, and stored as text that nobody wrote.
		return &chat.Error{Code: chat.CodeInvalidField, Message: "Payload must not contain binary data", Field: "payload"}
	}
	err := payload.Decode(dst)
	if err == nil {
		return nil
	}
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) && wrongType.Field != "" {
		// Fields that payloads share are in an embedded struct, of which clients
		// know nothing.
		field := wrongType.Field[strings.LastIndexByte(wrongType.Field, '.')+1:]
		return &chat.Error{
			Code: chat.CodeInvalidField, Field: field,
			Message: field + " must be " + wanted(dst, field) + ", not " + found(wrongType),
		}
	}
	return &chat.Error{Code: chat.CodeInvalidField, Message: "Payload must be an object", Field: "payload"}
}

// found names the JSON type that was received. A number comes with its digits,
// of which there can be any number.
func found(e *json.UnmarshalTypeError) string {
	kind, _, _ := strings.Cut(e.Value, " ")
	return kind
}

// wanted names the JSON type of a field of the payload that dst points to.
func wanted(dst any, field string) string {
	for _, f := range reflect.VisibleFields(reflect.TypeOf(dst).Elem()) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != field {
			continue
		}
		switch f.Type.Kind() {
		case reflect.String:
			return "a string"
		case reflect.Slice:
			return "an array of strings"
		case reflect.Int:
			return "an integer"
		}
	}
	return "of another type"
}

// eventKey is what a rate is counted for.
type eventKey struct {
	user  chat.UserID
	event string
}

// repeatable is a payload whose repetition is answered whatever the rate.
type repeatable interface{ clientMsgID() string }

func (c *call) withinRate(ctx context.Context, payload any) error {
	g := c.gateway
	wait := g.events.take(eventKey{c.session.actor.ID, c.command.name})
	if wait == 0 {
		return nil
	}
	if r, ok := payload.(repeatable); ok {
		known, err := g.chat.Known(ctx, c.session.actor, r.clientMsgID())
		if err != nil || known {
			return err
		}
	}
	return &rateError{rate: g.cfg.Events, wait: wait}
}

// The codes of refusals that are not the chat's.
const (
	codeRateLimited          = "rate_limited"
	codeAuthenticationFailed = "authentication_failed"
	codeTokenExpired         = "token_expired"
	codeServerAtCapacity     = "server_at_capacity"
	codeTooManyConnections   = "too_many_connections"
)

// Codes are the codes that refusals may have.
func Codes() []string {
	codes := []string{codeRateLimited, codeAuthenticationFailed, codeTokenExpired, codeServerAtCapacity, codeTooManyConnections}
	for _, code := range chat.Codes() {
		codes = append(codes, string(code))
	}
	return codes
}
