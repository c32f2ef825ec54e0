package command

import (
	"errors"
	"math"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/ratelimit"
)

// The codes of refusals that are not the chat's.
const (
	CodeRateLimited        = "rate_limited"
	CodeUnauthenticated    = "authentication_failed"
	CodeTokenExpired       = "token_expired"
	CodeServerAtCapacity   = "server_at_capacity"
	CodeTooManyConnections = "too_many_connections"
	CodeUnknownCommand     = "unknown_command"
)

// Refusal is an error as it travels.
type Refusal struct {
	Code       string `json:"code"`
	Message    string `json:"message"`
	Field      string `json:"field,omitempty"`
	Limit      int    `json:"limit,omitempty"`
	RetryAfter int    `json:"retryAfter,omitempty"` // seconds
	Event      string `json:"event,omitempty"`
}

// Codes are the codes that refusals may have.
func Codes() []string {
	codes := []string{
		CodeRateLimited, CodeUnauthenticated, CodeTokenExpired, CodeServerAtCapacity, CodeTooManyConnections, CodeUnknownCommand,
	}
	for _, code := range chat.Codes() {
		codes = append(codes, string(code))
	}
	return codes
}

// RefusalOf is a refusal of the rules as it travels.
func RefusalOf(e *chat.Error) *Refusal {
	return &Refusal{Code: string(e.Code), Message: e.Message, Field: e.Field, Limit: e.Limit}
}

// rateError refuses a command that came too soon.
type rateError struct {
	rate ratelimit.Rate
	wait time.Duration
}

func (e *rateError) Error() string { return "Too many requests" }

// refusalOf is the one map from errors to what clients see.
func refusalOf(err error, fault string) *Refusal {
	var tooSoon *rateError
	switch {
	case errors.As(err, &tooSoon):
		return &Refusal{
			Code: CodeRateLimited, Message: tooSoon.Error(), Limit: tooSoon.rate.Events,
			RetryAfter: int(math.Ceil(tooSoon.wait.Seconds())),
		}
	case errors.Is(err, account.ErrUnauthenticated):
		return &Refusal{Code: CodeUnauthenticated, Message: "Authentication failed"}
	}
	return RefusalOf(chat.Public(err, fault))
}
