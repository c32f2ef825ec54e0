package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/shape"
)

// decoder reads a request. What comes back puts the body into a payload, and then what the path and the query say: as JSON,
// so that a command finds the same things wrong with it, in the same words, as over every other protocol.
func (op *operation) decoder(w http.ResponseWriter, r *http.Request, cfg Config) (command.Decode, *problem) {
	parameters, p := op.parameters(r)
	if p != nil {
		return nil, p
	}
	var body []byte
	if len(op.fields.body) > 0 {
		if body, p = readBody(w, r, cfg); p != nil {
			return nil, p
		}
	}
	return func(dst any) error {
		if body != nil {
			if err := json.Unmarshal(body, dst); err != nil {
				return err
			}
		}
		return json.Unmarshal(parameters, dst)
	}, nil
}

// readBody returns a JSON object, or nil if there is no body.
func readBody(w http.ResponseWriter, r *http.Request, cfg Config) ([]byte, *problem) {
	// A client that sends a body bit by bit holds a connection no longer than this. What is not read to its end keeps the
	// deadline, by which the server then reads the rest. Only a test's recorder has no deadlines.
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(cfg.BodyTimeout))
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, cfg.MaxBody))
	if err == nil {
		_ = connection.SetReadDeadline(time.Time{})
	}
	tooLarge := new(http.MaxBytesError)
	switch {
	case errors.As(err, &tooLarge):
		p := newProblem(http.StatusRequestEntityTooLarge, codeBodyTooLarge, "", fmt.Sprintf("The body may have %d bytes", tooLarge.Limit))
		p.Limit = int(tooLarge.Limit)
		return nil, p
	case err != nil:
		return nil, newProblem(http.StatusBadRequest, codeBodyIncomplete, "", "The body did not arrive whole")
	case len(raw) == 0:
		return nil, nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, newProblem(http.StatusUnsupportedMediaType, codeNotJSON, "", "Content-Type must be application/json")
	}
	if !json.Valid(raw) || bytes.TrimLeft(raw, " \t\r\n")[0] != '{' {
		return nil, newProblem(http.StatusBadRequest, codeInvalidJSON, "", "The body must be a JSON object")
	}
	return raw, nil
}

// parameters returns what the path and the query say, as a JSON object.
func (op *operation) parameters(r *http.Request) (json.RawMessage, *problem) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, invalid("query", "The query is not well formed")
	}
	said := make(map[string]any, len(op.fields.path)+len(query))
	for _, f := range op.fields.path {
		value := r.PathValue(f.Name)
		if !utf8.ValidString(value) {
			return nil, invalid(f.Name, f.Name+" must be valid UTF-8")
		}
		said[op.inPayload(f.Name)] = value
	}
	for _, f := range op.fields.query {
		values, given := query[f.Name]
		if !given {
			continue
		}
		for _, value := range values {
			if !utf8.ValidString(value) {
				return nil, invalid(f.Name, f.Name+" must be valid UTF-8")
			}
		}
		said[f.Name] = valueOf(f, values)
	}
	raw, err := json.Marshal(said)
	if err != nil {
		return nil, invalid("query", "The query cannot be read")
	}
	return raw, nil
}

// valueOf is what stands in a query as what its field wants. What is not of that type stays text, which the field then
// refuses by name.
func valueOf(f shape.Field, values []string) any {
	text := values[0]
	switch f.Type.Kind() {
	case reflect.Slice:
		return values
	case reflect.Int, reflect.Int64:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case reflect.Bool:
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	}
	return text
}

func invalid(field, detail string) *problem {
	return newProblem(http.StatusBadRequest, string(refusal.InvalidField), field, detail)
}
