package command

import (
	"errors"
	"math"
	"slices"
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
	CodeTokenRevoked       = "token_revoked"
	CodeDisconnected       = "disconnected"
	CodeServerAtCapacity   = "server_at_capacity"
	CodeTooManyConnections = "too_many_connections"
	CodeUnknownCommand     = "unknown_command"
	CodeTopicNotPermitted  = "topic_not_permitted"
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
		CodeRateLimited, CodeUnauthenticated, CodeTokenExpired, CodeTokenRevoked, CodeDisconnected, CodeServerAtCapacity, CodeTooManyConnections, CodeUnknownCommand,
		CodeTopicNotPermitted,
	}
	for _, code := range chat.Codes() {
		codes = append(codes, string(code))
	}
	for _, code := range account.Codes() {
		if name := string(code); !slices.Contains(codes, name) {
			codes = append(codes, name)
		}
	}
	return codes
}

// RefusalOf is a refusal of the rules as it travels.
func RefusalOf(e *chat.Error) *Refusal {
	return &Refusal{Code: string(e.Code), Message: e.Message, Field: e.Field, Limit: e.Limit}
}

// refusalOfAccount is a refusal of the accounts' as it travels.
func refusalOfAccount(e *account.Error) *Refusal {
	return &Refusal{Code: string(e.Code), Message: e.Message, Field: e.Field, Limit: e.Limit, RetryAfter: seconds(e.RetryAfter)}
}

func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// rateError refuses a command that came too soon.
type rateError struct {
	rate ratelimit.Rate
	wait time.Duration
}

func (e *rateError) Error() string { return "Too many requests" }

// refusalOf is the one map from errors to what clients see.
func refusalOf(err error, fault string) *Refusal {
	var tooSoon *rateError
	var ofAccount *account.Error
	switch {
	case errors.As(err, &tooSoon):
		return &Refusal{
			Code: CodeRateLimited, Message: tooSoon.Error(), Limit: tooSoon.rate.Events, RetryAfter: seconds(tooSoon.wait),
		}
	case errors.As(err, &ofAccount):
		return refusalOfAccount(ofAccount)
	case errors.Is(err, account.ErrUnauthenticated):
		return &Refusal{Code: CodeUnauthenticated, Message: "Authentication failed"}
	}
	return RefusalOf(chat.Public(err, fault))
}
