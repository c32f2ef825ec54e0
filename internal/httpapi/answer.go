package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/sockeye-im/sockeye/internal/wire"
)

// paging is how a list goes on: with which parameter, and what of the answer is its value.
type paging int

const (
	whole       paging = iota
	afterNext          // after: the field next
	beforeFirst        // before: the first message; or after: the last, if that was asked for
	beforeLast         // before: the last message
)

// errAcknowledgement would be a row of the table that does not say ok first.
var errAcknowledgement = errors.New("acknowledgement does not begin with ok")

// statusAnswer is an answer that knows its status.
type statusAnswer interface{ status() int }

// answer writes what an operation had to say.
func (op *operation) answer(w http.ResponseWriter, r *http.Request, answer any) error {
	status := op.status
	if a, knows := answer.(statusAnswer); knows {
		status = a.status()
	}
	if len(op.fields.answer) == 0 {
		w.WriteHeader(status)
		return nil
	}
	body, err := op.body(answer)
	if err != nil {
		return err
	}
	if op.location != nil && status == http.StatusCreated {
		w.Header().Set("Location", version1+op.location(body))
	}
	if next := op.next(r.URL, answer); next != "" {
		w.Header().Set("Link", "<"+next+`>; rel="next"`)
	}
	w.Header().Set("Content-Type", "application/json")
	if op.cached {
		w.Header().Add("Vary", "Authorization")
		return writeCached(w, r, "private, no-cache", body)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // fails only when the caller is gone
	return nil
}

func (op *operation) body(answer any) ([]byte, error) {
	body, err := json.Marshal(answer)
	if err != nil || !op.acknowledged {
		return body, err
	}
	rest, isOK := bytes.CutPrefix(body, []byte(`{"ok":true`))
	if !isOK {
		return nil, errAcknowledgement
	}
	return append([]byte{'{'}, bytes.TrimPrefix(rest, []byte{','})...), nil
}

// writeCached answers with a body, or with 304 if the client has the same. Caches keep it, but ask each time.
func writeCached(w http.ResponseWriter, r *http.Request, control string, body []byte) error {
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	w.Header().Set("Cache-Control", control)
	w.Header().Set("ETag", tag)
	if matches(r.Header.Values("If-None-Match"), tag) {
		w.Header().Del("Content-Type")
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	_, _ = w.Write(body) // fails only when the caller is gone
	return nil
}

func matches(wanted []string, tag string) bool {
	for _, line := range wanted {
		for one := range strings.SplitSeq(line, ",") {
			one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
			if one == tag || one == "*" {
				return true
			}
		}
	}
	return false
}

// next returns the address of the page after this one, empty on the last.
func (op *operation) next(asked *url.URL, answer any) string {
	parameter, cursor := op.cursor(asked.Query(), answer)
	if cursor == "" {
		return ""
	}
	query := asked.Query()
	query.Set(parameter, cursor)
	return (&url.URL{Path: asked.Path, RawPath: asked.RawPath, RawQuery: query.Encode()}).String()
}

func (op *operation) cursor(query url.Values, answer any) (parameter, cursor string) {
	if op.pages == whole {
		return "", ""
	}
	if op.pages == afterNext {
		return "after", op.field(answer, "next").String()
	}
	messages, _ := op.field(answer, "messages").Interface().([]wire.Message)
	if len(messages) == 0 || !op.field(answer, "more").Bool() {
		return "", ""
	}
	first, last := messages[0].ID, messages[len(messages)-1].ID
	switch {
	case query.Get("after") != "":
		return "after", last
	case op.pages == beforeFirst:
		return "before", first
	}
	return "before", last
}

func (op *operation) field(answer any, name string) reflect.Value {
	for _, f := range op.fields.answer {
		if f.Name == name {
			return reflect.ValueOf(answer).FieldByIndex(f.Index)
		}
	}
	return reflect.Value{}
}
