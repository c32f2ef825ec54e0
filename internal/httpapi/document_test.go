package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// described is the document as a client reads it, and what of it was tried.
type described struct {
	n          *node
	operations map[string]described1
	compiler   *jsonschema.Compiler
	tried      map[string]bool
	userToken  string
	apiKey     string
}

type described1 struct {
	path, method string
	spec         map[string]any
}

const documentURL = "http://document/openapi.json"

// readDocument reads it from the server. Objects of which it knows the fields may have no others: what is missing in it
// shows.
func readDocument(n *node) *described {
	n.t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(n.ask(http.MethodGet, "/api/openapi.json", "", "").body))
	if err != nil {
		n.t.Fatal(err)
	}
	closeObjects(doc)
	d := &described{n: n, operations: make(map[string]described1), tried: make(map[string]bool), compiler: jsonschema.NewCompiler()}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(documentURL, doc); err != nil {
		n.t.Fatal(err)
	}
	for path, item := range object(doc, "paths") {
		for method, spec := range object(item) {
			op := described1{path, method, object(spec)}
			id, _ := op.spec["operationId"].(string)
			if _, twice := d.operations[id]; twice || id == "" {
				n.t.Errorf("%s %s: the operationId %q is missing or not the only one", method, path, id)
			}
			d.operations[id] = op
		}
	}
	return d
}

func closeObjects(at any) {
	switch at := at.(type) {
	case map[string]any:
		if _, hasFields := at["properties"].(map[string]any); hasFields && at["type"] == "object" {
			at["additionalProperties"] = false
		}
		for _, inside := range at {
			closeObjects(inside)
		}
	case []any:
		for _, inside := range at {
			closeObjects(inside)
		}
	}
}

func object(at any, path ...string) map[string]any {
	for _, name := range path {
		inside, _ := at.(map[string]any)
		at = inside[name]
	}
	found, _ := at.(map[string]any)
	return found
}

func (d *described) has(id string) bool { _, has := d.operations[id]; return has }

// call does what the document says of an operation: it fills the path and the query with the values given, sends the body,
// or else the document's example, and holds the answer against what is described. Success is wanted.
func (d *described) call(id string, values map[string]string, body string) reply {
	d.n.t.Helper()
	if !d.tried[id] {
		d.tryLimits(id, values, body)
	}
	r := d.try(id, values, body)
	if r.status >= 300 {
		d.n.t.Fatalf("%s: %d %s", id, r.status, r.body)
	}
	d.tried[id] = true
	return r
}

// try is call without the wish for success.
func (d *described) try(id string, values map[string]string, body string) reply {
	t := d.n.t
	t.Helper()
	op, there := d.operations[id]
	if !there {
		t.Fatalf("there is no operation %s", id)
	}
	if body == "" {
		if example, has := object(op.spec, "requestBody", "content", "application/json")["example"]; has {
			raw, err := json.Marshal(example)
			if err != nil {
				t.Fatal(err)
			}
			body = string(raw)
		}
	}
	r := d.n.ask(strings.ToUpper(op.method), d.address(op, values), d.credentials(op), body)
	if body != "" && r.status < 300 {
		d.check([]byte(body), op, "requestBody", "content", "application/json", "schema")
	}
	d.checkAnswer(id, op, r)
	return r
}

// tryLimits does what is to succeed with one more in each field than the document allows: the rules refuse it, by the name of
// the field. So the document promises no more than the rules permit.
func (d *described) tryLimits(id string, values map[string]string, body string) {
	d.n.t.Helper()
	op := d.operations[id]
	parameters, _ := op.spec["parameters"].([]any)
	for _, parameter := range parameters {
		p := object(parameter)
		if more, most := oneMore(object(p, "schema")); p["in"] != "header" && more != nil && !tolerated[id+"."+p["name"].(string)] {
			name := p["name"].(string)
			beyond := maps.Clone(values)
			if beyond == nil {
				beyond = make(map[string]string)
			}
			beyond[name] = fmt.Sprint(more)
			d.refusedField(id, name, most, d.try(id, beyond, body))
		}
	}
	media := object(op.spec, "requestBody", "content", "application/json")
	for name, schema := range object(media, "schema", "properties") {
		more, most := oneMore(object(schema))
		if more == nil || tolerated[id+"."+name] {
			continue
		}
		fields := make(map[string]any)
		maps.Copy(fields, object(media["example"]))
		if body != "" {
			if err := json.Unmarshal([]byte(body), &fields); err != nil {
				d.n.t.Fatal(err)
			}
		}
		fields[name] = more
		beyond, err := json.Marshal(fields)
		if err != nil {
			d.n.t.Fatal(err)
		}
		d.refusedField(id, name, most, d.try(id, values, string(beyond)))
	}
}

// tolerated is what is not looked at: the system's messages have no attachments and answer nothing, and users whom nobody
// knows have no presence and no connections.
var tolerated = map[string]bool{
	"postToRoom.attachments": true, "postToRoom.replyTo": true, "getPresence.userId": true, "getPresence.userIds": true,
	"disconnectUser.userId": true,
}

// oneMore is a value just beyond the limit that a schema has; nil if it has none.
func oneMore(schema map[string]any) (more any, most int) {
	has := func(limit string) bool {
		most, _ = strconv.Atoi(fmt.Sprint(schema[limit]))
		return most > 0
	}
	switch {
	case has("maximum"):
		return most + 1, most
	case has("maxLength"):
		return strings.Repeat("a", most+1), most
	case has("maxItems"):
		items := make([]string, most+1)
		for i := range items {
			items[i] = "id-" + strconv.Itoa(i)
		}
		return items, most
	case has("maxProperties"):
		properties := make(map[string]int)
		for i := range most + 1 {
			properties["c-"+strconv.Itoa(i)] = 1
		}
		return properties, most
	}
	return nil, 0
}

func (d *described) refusedField(id, field string, most int, r reply) {
	d.n.t.Helper()
	var said struct {
		Code, Field string
		Limit       int
	}
	if err := json.Unmarshal(r.body, &said); err != nil {
		d.n.t.Fatal(err)
	}
	unknown := r.status == http.StatusNotFound && strings.HasSuffix(said.Code, "_not_found")
	if r.status != http.StatusBadRequest && !unknown || said.Field != field || said.Limit != 0 && said.Limit != most {
		d.n.t.Errorf("%s with one more than %d in %s: %d %s", id, most, field, r.status, r.body)
	}
}

func (d *described) address(op described1, values map[string]string) string {
	t := d.n.t
	t.Helper()
	path, query, left := op.path, url.Values{}, maps.Clone(values)
	parameters, _ := op.spec["parameters"].([]any)
	for _, parameter := range parameters {
		p := object(parameter)
		name := p["name"].(string)
		value, given := values[name]
		delete(left, name)
		switch {
		case p["in"] == "path":
			if !given {
				t.Fatalf("%s needs %s", op.path, name)
			}
			path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
		case given && p["in"] == "query":
			query.Set(name, value)
		}
	}
	if len(left) > 0 {
		t.Fatalf("%s knows nothing of %v", op.path, left)
	}
	return path + "?" + query.Encode()
}

func (d *described) credentials(op described1) string {
	for _, wanted := range op.spec["security"].([]any) {
		for scheme := range object(wanted) {
			return map[string]string{"userToken": d.userToken, "apiKey": d.apiKey}[scheme]
		}
	}
	return ""
}

func (d *described) checkAnswer(id string, op described1, r reply) {
	t := d.n.t
	t.Helper()
	said := strconv.Itoa(r.status)
	if object(op.spec, "responses", said) == nil {
		said = "default"
	}
	at := []string{"responses", said}
	answer := object(op.spec, at...)
	if ref, _ := answer["$ref"].(string); ref != "" {
		at = strings.Split(strings.TrimPrefix(ref, "#/"), "/")
		op = described1{}
	} else {
		for name := range object(answer, "headers") {
			if value := r.header.Get(name); value == "" && name != "Link" && !strings.HasPrefix(name, "RateLimit") {
				t.Errorf("%s: no header %s", id, name)
			}
		}
		if _, hasBody := answer["content"]; !hasBody {
			if len(r.body) > 0 {
				t.Errorf("%s: the answer %d has a body: %s", id, r.status, r.body)
			}
			return
		}
	}
	if kind := r.header.Get("Content-Type"); (kind == "text/event-stream" || kind == "application/jsonl") && object(answer, "content", kind) != nil {
		return // no JSON as a whole
	}
	d.check(r.body, op, append(at, "content", r.header.Get("Content-Type"), "schema")...)
}

// check holds JSON against a schema that stands somewhere in an operation, or, for none, in the document.
func (d *described) check(raw []byte, op described1, at ...string) {
	t := d.n.t
	t.Helper()
	if op.path != "" {
		at = append([]string{"paths", op.path, op.method}, at...)
	}
	pointer := ""
	for _, name := range at {
		pointer += "/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	schema, err := d.compiler.Compile(documentURL + "#" + pointer)
	if err != nil {
		t.Fatalf("%s: %v", pointer, err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%s: %v in %q", pointer, err, raw)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s: %v\nin %s", pointer, err, raw)
	}
}

// finish wants that everything was tried.
func (d *described) finish() {
	d.n.t.Helper()
	for _, id := range slices.Sorted(maps.Keys(d.operations)) {
		if !d.tried[id] {
			d.n.t.Errorf("%s was not tried", id)
		}
	}
}

func TestEveryExampleIsOfItsSchema(t *testing.T) {
	d := readDocument(serve(t))
	examples := 0
	for _, op := range d.operations {
		example, has := object(op.spec, "requestBody", "content", "application/json")["example"]
		if !has {
			continue
		}
		examples++
		raw, err := json.Marshal(example)
		if err != nil {
			t.Fatal(err)
		}
		d.check(raw, op, "requestBody", "content", "application/json", "schema")
	}
	if examples < 15 {
		t.Errorf("only %d operations have an example", examples)
	}
}
