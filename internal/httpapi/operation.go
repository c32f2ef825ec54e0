package httpapi

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/shape"
)

// operation is one thing that can be asked for. Each field of its payload comes from the path, if that has a placeholder of
// its name, else from the query (GET, DELETE) or the body (POST, PUT, PATCH).
type operation struct {
	method, path string // the path after /api/v1
	also         string // another path for the same, whole; empty is none
	id           string // in the document; never changes
	tag          string
	summary      string
	details      string
	needs        access

	renamed map[string]string // placeholders that are called differently in the payload
	example string            // of a body, JSON

	status   int  // of success; 0: 200, or 204 when there is nothing to tell
	cached   bool // answers have an ETag
	pages    paging
	location func(body []byte) string // of what was created

	shape command.Shape
	// acknowledged answers begin with the field ok of acknowledgements, which HTTP leaves out: the status says it.
	acknowledged bool
	run          func(ctx context.Context, c *caller, decode command.Decode) (answer any, err error)

	// stream writes the answer instead, as it comes. An error is one before anything was written. streams is its type; empty is
	// events.
	streams string
	stream  func(w http.ResponseWriter, r *http.Request, c *caller, decode func(any) error) error

	fields fields // set by prepare, as is status
}

// fields are those of the payload, by where they come from.
type fields struct {
	path, query, body []shape.Field // those of the path with the names of its placeholders
	answer            []shape.Field
}

// operate makes an operation that takes a P and answers with an A, which counts only without an error.
func operate[P, A any](op operation, run func(ctx context.Context, c *caller, p P) (A, error)) operation {
	op.shape = command.Shape{Payload: reflect.TypeFor[P](), Answer: reflect.TypeFor[A]()}
	op.run = func(ctx context.Context, c *caller, decode command.Decode) (any, error) {
		var p P
		if err := command.ReadPayload(decode, &p); err != nil {
			return nil, err
		}
		return run(ctx, c, p)
	}
	return op
}

// prepare sorts the fields.
func (op *operation) prepare() {
	placeholders := make(map[string]string)
	for part := range strings.SplitSeq(op.path, "/") {
		if name := strings.Trim(part, "{}"); name != part {
			placeholders[op.inPayload(name)] = name
		}
	}
	for _, f := range shape.Fields(op.shape.Payload) {
		placeholder, inPath := placeholders[f.Name]
		switch {
		case inPath:
			f.Name = placeholder
			op.fields.path = append(op.fields.path, f)
		case op.hasBody():
			op.fields.body = append(op.fields.body, f)
		default:
			op.fields.query = append(op.fields.query, f)
		}
	}
	op.fields.answer = shape.Fields(op.shape.Answer)
	if op.acknowledged {
		op.fields.answer = op.fields.answer[1:]
	}
	if op.status == 0 {
		op.status = http.StatusOK
		if len(op.fields.answer) == 0 {
			op.status = http.StatusNoContent
		}
	}
}

func (op *operation) hasBody() bool {
	return op.method == http.MethodPost || op.method == http.MethodPut || op.method == http.MethodPatch
}

// inPayload returns what the payload calls a placeholder, onWire the opposite.
func (op *operation) inPayload(placeholder string) string {
	if name, differs := op.renamed[placeholder]; differs {
		return name
	}
	return placeholder
}

func (op *operation) onWire(field string) string {
	for placeholder, name := range op.renamed {
		if name == field {
			return placeholder
		}
	}
	return field
}

// endpoint serves one operation.
type endpoint struct {
	api *API
	op  *operation
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := e.api.carryOut(e.op, w, r)
	if err == nil && e.op.stream == nil {
		err = e.op.answer(w, r, answer)
	}
	if err != nil {
		e.api.refuse(e.op, w, r, err)
	}
}

func (a *API) carryOut(op *operation, w http.ResponseWriter, r *http.Request) (answer any, err error) {
	from, err := a.signIn(w.Header(), r, op.needs)
	if err != nil {
		return nil, err
	}
	if op.needs.knownCaller() {
		a.deps.Clients.Vouch(r.RemoteAddr)
		if body, guarded := r.Body.(interface{ Trust() }); guarded {
			body.Trust() // it may be longer, and take longer
		}
	}
	decode, p := op.decoder(w, r, a.cfg)
	if p != nil {
		return nil, p
	}
	r = r.WithContext(account.As(r.Context(), from.doer()))
	if op.stream != nil {
		return nil, op.stream(w, r, from, func(dst any) error { return command.ReadPayload(decode, dst) })
	}
	return op.run(r.Context(), from, decode)
}

func (a *API) refuse(op *operation, w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	p.Field = op.onWire(p.Field)
	byTable := errors.As(err, new(refused))
	if byTable && p.Code == command.CodeRateLimited {
		rate := a.deps.Commands.Rate()
		tell(w.Header(), "command", rate, 0, rate.Per)
	}
	if p.Status == http.StatusInternalServerError && !byTable && r.Context().Err() == nil { // the table has its own log
		a.deps.Log.Error("request failed", "operation", op.id, "err", err)
	}
	p.write(w)
}
