package httpapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/sockeye-im/sockeye/internal/httpapi/openapi"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/monitor"
	"github.com/sockeye-im/sockeye/internal/shape"
	"github.com/sockeye-im/sockeye/internal/usage"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// The names of what the document refers to.
const (
	schemeUser   = "userToken"
	schemeKey    = "apiKey"
	problemName  = "Problem"
	typeJSON     = "application/json"
	typeProblem  = "application/problem+json"
	typeEvents   = "text/event-stream"
	typeLines    = "application/jsonl"
	toSchemas    = "#/components/schemas/"
	toResponses  = "#/components/responses/"
	toHeaders    = "#/components/headers/"
	headerETag   = "ETag"
	headerNext   = "Link"
	headerPlace  = "Location"
	headerRetry  = "Retry-After"
	unchangedDoc = "Unchanged"
)

// serveDocument answers with the document, which is the same for all.
func (a *API) serveDocument(w http.ResponseWriter, r *http.Request) {
	document, err := a.document()
	if err != nil {
		a.deps.Log.Error("the document of the API could not be made", "err", err)
		problemOf(err).write(w)
		return
	}
	w.Header().Set("Content-Type", typeJSON)
	_ = writeCached(w, r, "no-cache", document)
}

// describe makes the document of operations.
func describe(cfg Config, operations []operation) ([]byte, error) {
	d := describer{cfg: cfg, schemas: openapi.Schemas{Known: known, Describe: meaning}}
	doc := openapi.Document{
		OpenAPI: openapi.Version,
		Info:    openapi.Info{Title: "Sockeye", Version: version(cfg), Description: aboutAPI},
		Servers: []openapi.Server{{URL: "/"}},
		Tags:    tags,
		Paths:   make(map[string]openapi.PathItem),
	}
	for i := range operations {
		op := &operations[i]
		path := version1 + op.path
		if doc.Paths[path] == nil {
			doc.Paths[path] = make(openapi.PathItem)
		}
		described, err := d.operation(op)
		if err != nil {
			return nil, fmt.Errorf("httpapi: describe %s: %w", op.id, err)
		}
		doc.Paths[path][strings.ToLower(op.method)] = described
	}
	doc.Paths[documentPath] = openapi.PathItem{"get": documentItself()}
	doc.Components = openapi.Components{
		Responses: responses(), Headers: headers(), SecuritySchemes: securitySchemes(),
	}
	d.schemas.Of(reflect.TypeFor[problem]())
	doc.Components.Schemas = d.schemas.Named
	return json.Marshal(doc)
}

func version(cfg Config) string {
	if cfg.Version == "" {
		return "dev"
	}
	return cfg.Version
}

// known is the schema of a type that is more than it looks like.
func known(t reflect.Type) (openapi.Schema, bool) {
	words := wire.Words(t)
	switch t {
	case reflect.TypeFor[wire.Time]():
		return openapi.Schema{Type: "string", Format: "date-time"}, true
	case reflect.TypeFor[json.RawMessage]():
		return openapi.Schema{}, true
	case reflect.TypeFor[monitor.Protocol]():
		words = []string{string(monitor.SocketIO), string(monitor.LegacySocketIO), string(monitor.Native), string(monitor.NativeV1)}
	case reflect.TypeFor[monitor.Order]():
		words = orderNames()
	case reflect.TypeFor[usage.Unit]():
		for _, unit := range usage.Units {
			words = append(words, string(unit))
		}
	case reflect.TypeFor[job.State]():
		for _, state := range job.States {
			words = append(words, string(state))
		}
	}
	return openapi.Schema{Type: "string", Enum: words}, words != nil
}

func orderNames() (names []string) {
	for _, order := range monitor.Orders() {
		names = append(names, string(order))
	}
	return names
}

type describer struct {
	cfg     Config
	schemas openapi.Schemas
}

func (d *describer) operation(op *operation) (*openapi.Operation, error) {
	out := &openapi.Operation{
		OperationID: op.id, Summary: op.summary, Description: op.details, Tags: []string{op.tag},
		Responses: make(map[string]*openapi.Response), Security: security(op.needs),
	}
	if op.needs.scope != "" {
		out.Description = strings.TrimSpace(out.Description + fmt.Sprintf("\n\nThe API key needs the scope `%s`.", op.needs.scope))
	}
	one := false // of the fields of which a payload has one
	for _, f := range op.fields.path {
		one = one || f.Need == shape.One
		out.Parameters = append(out.Parameters, d.parameter(f, "path"))
	}
	for _, f := range op.fields.query {
		if !one || f.Need != shape.One {
			out.Parameters = append(out.Parameters, d.parameter(f, "query"))
		}
	}
	if op.cached {
		out.Parameters = append(out.Parameters, openapi.Parameter{
			Name: "If-None-Match", In: "header", Description: "The ETag of an answer: the same comes as 304, without a body.",
			Schema: &openapi.Schema{Type: "string"},
		})
	}
	if len(op.fields.body) > 0 {
		body, err := d.body(op)
		if err != nil {
			return nil, err
		}
		out.RequestBody = body
	}
	d.answers(op, out.Responses)
	return out, nil
}

func security(needs access) []map[string][]string {
	switch {
	case needs.user:
		return []map[string][]string{{schemeUser: {}}}
	case needs.scope != "":
		return []map[string][]string{{schemeKey: {}}}
	}
	return []map[string][]string{}
}

func (d *describer) parameter(f shape.Field, in string) openapi.Parameter {
	schema := d.asked(f)
	text := schema.Description
	schema.Description = ""
	return openapi.Parameter{
		Name: f.Name, In: in, Description: text, Schema: schema,
		Required: in == "path" || f.Need == shape.Required,
	}
}

// asked is the schema of a field of a request, with its limits.
func (d *describer) asked(f shape.Field) *openapi.Schema {
	schema := d.schemas.Of(f.Type)
	schema.Required = nil // of an object inside, only answers have all fields
	schema.Description = meaning(f)
	bound(f, schema, d.cfg.MaxText)
	return schema
}

func (d *describer) body(op *operation) (*openapi.RequestBody, error) {
	schema := &openapi.Schema{Type: "object", Properties: make(map[string]*openapi.Schema)}
	for _, f := range op.fields.body {
		schema.Properties[f.Name] = d.asked(f)
		if f.Need == shape.Required {
			schema.Required = append(schema.Required, f.Name)
		}
	}
	media := openapi.Media{Schema: schema}
	if op.example != "" {
		if err := json.Unmarshal([]byte(op.example), &media.Example); err != nil {
			return nil, fmt.Errorf("its example: %w", err)
		}
	}
	return &openapi.RequestBody{Required: len(schema.Required) > 0, Content: map[string]openapi.Media{typeJSON: media}}, nil
}

// answers are what can come back. Refusals of the rules are the default: each has its own status and code.
func (d *describer) answers(op *operation, out map[string]*openapi.Response) {
	success := &openapi.Response{Description: http.StatusText(op.status), Headers: rateHeaders()}
	if len(op.fields.answer) > 0 {
		schema := d.schemas.Object(op.fields.answer)
		success.Content = map[string]openapi.Media{typeJSON: {Schema: schema}}
		if op.stream != nil {
			success.Content = map[string]openapi.Media{cmp.Or(op.streams, typeEvents): {Schema: &openapi.Schema{Type: "string"}}}
		}
	}
	if op.pages != whole {
		success.Headers[headerNext] = openapi.Header{Ref: toHeaders + headerNext}
	}
	if op.location != nil {
		success.Headers[headerPlace] = openapi.Header{Ref: toHeaders + headerPlace}
	}
	if op.cached {
		success.Headers[headerETag] = openapi.Header{Ref: toHeaders + headerETag}
		out["304"] = &openapi.Response{Ref: toResponses + unchangedDoc}
	}
	out[strconv.Itoa(op.status)] = success
	if op.shape.Answer.Implements(reflect.TypeFor[statusAnswer]()) {
		created := *success
		created.Description = http.StatusText(http.StatusCreated)
		out["201"] = &created
	}
	refusals := []int{http.StatusTooManyRequests}
	if len(op.fields.path)+len(op.fields.query)+len(op.fields.body) > 0 {
		refusals = append(refusals, http.StatusBadRequest)
	}
	if op.needs != anybody {
		refusals = append(refusals, http.StatusUnauthorized, http.StatusForbidden)
	}
	if len(op.fields.body) > 0 {
		refusals = append(refusals, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	for _, status := range refusals {
		out[strconv.Itoa(status)] = &openapi.Response{Ref: toResponses + responseName(status)}
	}
	out["default"] = &openapi.Response{Ref: toResponses + problemName}
}

func rateHeaders() map[string]openapi.Header {
	return map[string]openapi.Header{
		headerLeft:   {Ref: toHeaders + headerLeft},
		headerPolicy: {Ref: toHeaders + headerPolicy},
	}
}

func responseName(status int) string { return strings.ReplaceAll(http.StatusText(status), " ", "") }

func documentItself() *openapi.Operation {
	return &openapi.Operation{
		OperationID: "getDocument", Summary: "Get this document", Tags: []string{tagDocument}, Security: []map[string][]string{},
		Responses: map[string]*openapi.Response{
			"200": {Description: "OK", Headers: map[string]openapi.Header{headerETag: {Ref: toHeaders + headerETag}}, Content: map[string]openapi.Media{
				typeJSON: {Schema: &openapi.Schema{Type: "object"}},
			}},
			"304":     {Ref: toResponses + unchangedDoc},
			"default": {Ref: toResponses + problemName},
		},
	}
}
