package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/broadcast"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/upload"
	"github.com/sockeye-im/sockeye/internal/webhook"
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

	codeNotForm    = "content_type_not_form"
	codeNotOctets  = "content_type_not_octets"
	codeTusVersion = "tus_version"
)

// statusChecksum is what tus says of a checksum that does not match.
const statusChecksum = 460

// statuses is the one map from codes to HTTP. What is wrong with a request is 400, what its sender may not do is 403, what
// does not go with how things are now is 409.
var statuses = map[refusal.Code]int{
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

	codeNotForm:    http.StatusUnsupportedMediaType,
	codeNotOctets:  http.StatusUnsupportedMediaType,
	codeTusVersion: http.StatusPreconditionFailed,

	command.CodeRateLimited:        http.StatusTooManyRequests,
	command.CodeTooManyConnections: http.StatusTooManyRequests,
	command.CodeUnauthenticated:    http.StatusUnauthorized,
	command.CodeTokenExpired:       http.StatusUnauthorized,
	command.CodeTokenRevoked:       http.StatusUnauthorized,
	command.CodeDisconnected:       http.StatusUnauthorized,
	command.CodeIdle:               http.StatusUnauthorized,
	command.CodeTopicNotPermitted:  http.StatusForbidden,
	command.CodeServerAtCapacity:   http.StatusServiceUnavailable,
	command.CodeUnknownCommand:     http.StatusNotFound,

	refusal.Internal:      http.StatusInternalServerError,
	refusal.Unavailable:   http.StatusServiceUnavailable,
	refusal.MissingFields: http.StatusBadRequest,
	refusal.InvalidField:  http.StatusBadRequest,
	refusal.LimitExceeded: http.StatusBadRequest,

	chat.CodeMessageNotFound:      http.StatusNotFound,
	chat.CodeConversationNotFound: http.StatusNotFound,
	chat.CodeRoomNotFound:         http.StatusNotFound,
	chat.CodeScheduledNotFound:    http.StatusNotFound,
	chat.CodeUserNotInRoom:        http.StatusNotFound,

	chat.CodeNotFriends:         http.StatusForbidden,
	chat.CodeBanned:             http.StatusForbidden,
	chat.CodePrivateRoom:        http.StatusForbidden,
	chat.CodeJoinNotPermitted:   http.StatusForbidden,
	chat.CodeNotInRoom:          http.StatusForbidden,
	chat.CodeNotAdmin:           http.StatusForbidden,
	chat.CodeNotOwnMessage:      http.StatusForbidden,
	chat.CodeDeleteNotPermitted: http.StatusForbidden,
	chat.CodePinNotPermitted:    http.StatusForbidden,
	chat.CodeUploadsNotAllowed:  http.StatusForbidden,
	chat.CodeVoiceNotAllowed:    http.StatusForbidden,

	chat.CodeClientMsgIDReused:  http.StatusConflict,
	chat.CodeRoomExists:         http.StatusConflict,
	chat.CodeRoomFull:           http.StatusConflict,
	chat.CodeLastAdmin:          http.StatusConflict,
	chat.CodeEditWindowExceeded: http.StatusConflict,
	chat.CodeTooManyPins:        http.StatusConflict,
	chat.CodeTooManyRooms:       http.StatusConflict,
	chat.CodeTooManyMemberships: http.StatusConflict,
	chat.CodeTooManyReactions:   http.StatusConflict,
	chat.CodeTooManyScheduled:   http.StatusConflict,

	broadcast.CodeNotFound:  http.StatusNotFound,
	broadcast.CodeEnded:     http.StatusConflict,
	broadcast.CodeKeyReused: http.StatusConflict,

	push.CodeTooMany: http.StatusConflict,

	job.CodeUnknownKind:  http.StatusNotFound,
	job.CodeNotFound:     http.StatusNotFound,
	job.CodeDuplicateKey: http.StatusConflict,
	job.CodeWrongState:   http.StatusConflict,

	account.CodeInvalidCredentials: http.StatusUnauthorized,
	account.CodeRefreshRefused:     http.StatusUnauthorized,
	account.CodeAPIKeyRefused:      http.StatusUnauthorized,
	account.CodeAccountsOff:        http.StatusForbidden,
	account.CodeRegistrationClosed: http.StatusForbidden,
	account.CodeUserNotFound:       http.StatusNotFound,
	account.CodeRequestNotFound:    http.StatusNotFound,
	account.CodeAPIKeyNotFound:     http.StatusNotFound,
	account.CodeAddressNotBlocked:  http.StatusNotFound,
	account.CodeLoginTaken:         http.StatusConflict,
	account.CodeCommonPassword:     http.StatusBadRequest,
	account.CodeAccountDisabled:    http.StatusForbidden,
	account.CodeLastAdmin:          http.StatusConflict,
	account.CodeOwnAccount:         http.StatusConflict,
	account.CodeNotRevocable:       http.StatusConflict,
	account.CodeNameManaged:        http.StatusConflict,
	account.CodeUserBlocked:        http.StatusConflict,
	account.CodeBusy:               http.StatusServiceUnavailable,

	chat.CodeFileNotFound:     http.StatusNotFound,
	upload.CodeUploadNotFound: http.StatusNotFound,
	upload.CodeOffset:         http.StatusConflict,
	upload.CodeLocked:         http.StatusLocked,
	upload.CodeChecksum:       statusChecksum,
	upload.CodeType:           http.StatusUnsupportedMediaType,
	upload.CodeTooLarge:       http.StatusRequestEntityTooLarge,
	upload.CodeQuota:          http.StatusInsufficientStorage,
	upload.CodeStorageFull:    http.StatusInsufficientStorage,
	upload.CodeTooMany:        http.StatusConflict,
	upload.CodeInUse:          http.StatusConflict,

	webhook.CodeNotFound: http.StatusNotFound,
	webhook.CodeTooMany:  http.StatusConflict,
}

// StatusOf returns the HTTP status of a code; not ok if there is none.
func StatusOf(code string) (status int, ok bool) {
	status, ok = statuses[refusal.Code(code)]
	return status, ok
}

// problem is the body of every error answer, see RFC 9457.
type problem struct {
	Type       string `json:"type"`
	Title      string `json:"title"`
	Status     int    `json:"status"`
	Detail     string `json:"detail" doc:"What is wrong, for people."`
	Code       string `json:"code" doc:"What is wrong, for programs."`
	Field      string `json:"field,omitempty" doc:"The field of the request that is at fault."`
	Limit      int    `json:"limit,omitempty" doc:"The limit that was passed."`
	RetryAfter int    `json:"retryAfter,omitempty" doc:"How many seconds to wait before another attempt."`
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
	var already *problem
	if errors.As(err, &already) {
		return already
	}
	var byTable refused
	if !errors.As(err, &byTable) {
		byTable = refused{command.RefusalOf(err, "The server failed to answer")}
	}
	status, known := statuses[refusal.Code(byTable.Code)]
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
