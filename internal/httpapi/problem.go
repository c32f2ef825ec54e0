package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/command"
)

// The codes of refusals that are about HTTP. Others come from the commands and the accounts.
const (
	codeNotFound         = "not_found"
	codeMethodNotAllowed = "method_not_allowed"
	codeInvalidJSON      = "invalid_json"
	codeBodyTooLarge     = "body_too_large"
	codeBodyIncomplete   = "body_incomplete"
	codeNotJSON          = "content_type_not_json"
	codeScopeMissing     = "scope_missing"
	codeAdminRequired    = "admin_required"
	codeTooManyStreams   = "too_many_streams"
	codeOwnAddress       = "own_address"
	codeAddressBlocked   = "address_blocked"

	codeConnectionNotFound = "connection_not_found"
)

// statuses is the one map from codes to HTTP. What is wrong with a request is 400, what its sender may not do is 403, what
// does not go with how things are now is 409.
var statuses = map[string]int{
	codeInvalidJSON:    http.StatusBadRequest,
	codeBodyIncomplete: http.StatusBadRequest,
	codeNotFound:       http.StatusNotFound,
	codeBodyTooLarge:   http.StatusRequestEntityTooLarge,
	codeNotJSON:        http.StatusUnsupportedMediaType,
	codeScopeMissing:   http.StatusForbidden,
	codeAdminRequired:  http.StatusForbidden,
	codeAddressBlocked: http.StatusForbidden,
	codeOwnAddress:     http.StatusConflict,
	codeTooManyStreams: http.StatusServiceUnavailable,

	codeConnectionNotFound: http.StatusNotFound,

	codeMethodNotAllowed: http.StatusMethodNotAllowed,

	command.CodeRateLimited:        http.StatusTooManyRequests,
	command.CodeTooManyConnections: http.StatusTooManyRequests,
	command.CodeUnauthenticated:    http.StatusUnauthorized,
	command.CodeTokenExpired:       http.StatusUnauthorized,
	command.CodeTokenRevoked:       http.StatusUnauthorized,
	command.CodeDisconnected:       http.StatusUnauthorized,
	command.CodeTopicNotPermitted:  http.StatusForbidden,
	command.CodeServerAtCapacity:   http.StatusServiceUnavailable,
	command.CodeUnknownCommand:     http.StatusNotFound,

	string(chat.CodeInternal):      http.StatusInternalServerError,
	string(chat.CodeMissingFields): http.StatusBadRequest,
	string(chat.CodeInvalidField):  http.StatusBadRequest,
	string(chat.CodeLimitExceeded): http.StatusBadRequest,

	string(chat.CodeMessageNotFound):      http.StatusNotFound,
	string(chat.CodeConversationNotFound): http.StatusNotFound,
	string(chat.CodeRoomNotFound):         http.StatusNotFound,
	string(chat.CodeUserNotInRoom):        http.StatusNotFound,

	string(chat.CodeNotFriends):         http.StatusForbidden,
	string(chat.CodeBanned):             http.StatusForbidden,
	string(chat.CodePrivateRoom):        http.StatusForbidden,
	string(chat.CodeJoinNotPermitted):   http.StatusForbidden,
	string(chat.CodeNotInRoom):          http.StatusForbidden,
	string(chat.CodeNotAdmin):           http.StatusForbidden,
	string(chat.CodeNotOwnMessage):      http.StatusForbidden,
	string(chat.CodeDeleteNotPermitted): http.StatusForbidden,
	string(chat.CodePinNotPermitted):    http.StatusForbidden,
	string(chat.CodeUploadsNotAllowed):  http.StatusForbidden,
	string(chat.CodeVoiceNotAllowed):    http.StatusForbidden,

	string(chat.CodeClientMsgIDReused):  http.StatusConflict,
	string(chat.CodeRoomExists):         http.StatusConflict,
	string(chat.CodeRoomFull):           http.StatusConflict,
	string(chat.CodeLastAdmin):          http.StatusConflict,
	string(chat.CodeEditWindowExceeded): http.StatusConflict,
	string(chat.CodeTooManyPins):        http.StatusConflict,
	string(chat.CodeTooManyReactions):   http.StatusConflict,

	string(account.CodeInvalidCredentials): http.StatusUnauthorized,
	string(account.CodeRefreshRefused):     http.StatusUnauthorized,
	string(account.CodeAPIKeyRefused):      http.StatusUnauthorized,
	string(account.CodeAccountsOff):        http.StatusForbidden,
	string(account.CodeRegistrationClosed): http.StatusForbidden,
	string(account.CodeUserNotFound):       http.StatusNotFound,
	string(account.CodeRequestNotFound):    http.StatusNotFound,
	string(account.CodeAPIKeyNotFound):     http.StatusNotFound,
	string(account.CodeAddressNotBlocked):  http.StatusNotFound,
	string(account.CodeLoginTaken):         http.StatusConflict,
	string(account.CodeNotRevocable):       http.StatusConflict,
	string(account.CodeNameManaged):        http.StatusConflict,
	string(account.CodeUserBlocked):        http.StatusConflict,
	string(account.CodeBusy):               http.StatusServiceUnavailable,
}

// StatusOf returns the HTTP status of a code; not ok if there is none.
func StatusOf(code string) (status int, ok bool) {
	status, ok = statuses[code]
	return status, ok
}

// problem is the body of every error answer, see RFC 9457.
type problem struct {
	Type       string `json:"type"`
	Title      string `json:"title"`
	Status     int    `json:"status"`
	Detail     string `json:"detail"`
	Code       string `json:"code"`
	Field      string `json:"field,omitempty"`      // the field of the request that is at fault
	Limit      int    `json:"limit,omitempty"`      // the limit that was passed
	RetryAfter int    `json:"retryAfter,omitempty"` // seconds
}

func newProblem(status int, code, field, detail string) *problem {
	return &problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code, Field: field,
	}
}

// Error makes a problem an error that operations can return.
func (p *problem) Error() string { return p.Code + ": " + p.Detail }

// refused is a refusal of the table of commands.
type refused struct{ *command.Refusal }

func (r refused) Error() string { return r.Code + ": " + r.Message }

// problemOf is an error as HTTP tells it. What is no refusal is a fault, of which the client learns nothing.
func problemOf(err error) *problem {
	var (
		already   *problem
		byTable   refused
		byAccount *account.Error
	)
	switch {
	case errors.As(err, &already):
		return already
	case errors.As(err, &byTable):
	case errors.As(err, &byAccount):
		byTable = refused{&command.Refusal{
			Code: string(byAccount.Code), Message: byAccount.Message, Field: byAccount.Field, Limit: byAccount.Limit,
			RetryAfter: wholeSeconds(byAccount.RetryAfter),
		}}
	case errors.Is(err, account.ErrUnauthenticated):
		byTable = refused{&command.Refusal{Code: command.CodeUnauthenticated, Message: "Authentication failed"}}
	default:
		byTable = refused{command.RefusalOf(chat.Public(err, "The server failed to answer"))}
	}
	status, known := statuses[byTable.Code]
	if !known {
		status = http.StatusInternalServerError
	}
	p := newProblem(status, byTable.Code, byTable.Field, byTable.Message)
	p.Limit, p.RetryAfter = byTable.Limit, byTable.RetryAfter
	return p
}

func (p *problem) write(w http.ResponseWriter) {
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	if p.Status == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	writeBody(w, p.Status, "application/problem+json", p)
}

func writeBody(w http.ResponseWriter, status int, contentType string, body any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only when the caller is gone
}
