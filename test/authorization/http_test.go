package authorization_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// operation is one of the OpenAPI document's.
type operation struct {
	id, method, path string
	user, key        bool // what it needs: a user's token, an API key
}

func (s *server) readDocument() map[string]operation {
	s.t.Helper()
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string
			Security    []map[string][]string
		}
	}
	status, body := s.request(http.MethodGet, "/api/openapi.json", "", "")
	if err := json.Unmarshal([]byte(body), &document); err != nil || status != http.StatusOK {
		s.t.Fatalf("the document: %d, %v", status, err)
	}
	found := make(map[string]operation)
	for path, item := range document.Paths {
		for method, described := range item {
			op := operation{id: described.OperationID, method: strings.ToUpper(method), path: path}
			for _, scheme := range described.Security {
				_, user := scheme["userToken"]
				_, key := scheme["apiKey"]
				op.user, op.key = op.user || user, op.key || key
			}
			found[op.id] = op
		}
	}
	return found
}

// perform asks for an operation. Each field of the payload goes where the operation takes it.
func (s *server) perform(t testing.TB, op operation, credentials string, payload map[string]any) answer {
	t.Helper()
	path, body := op.address(payload)
	status, raw := s.request(op.method, path, credentials, body)
	if status < 400 {
		return answer{ok: true, body: raw}
	}
	var problem struct {
		Status int
		Code   string
	}
	if err := json.Unmarshal([]byte(raw), &problem); err != nil || problem.Status != status || problem.Code == "" {
		t.Errorf("%s %s is answered by %d %s, which is no problem: %v", op.method, path, status, raw, err)
	}
	return answer{code: problem.Code, body: raw}
}

// address spreads a payload over path, query and body.
func (op operation) address(payload map[string]any) (path, body string) {
	rest, query := make(map[string]any), make(url.Values)
	steps := strings.Split(op.path, "/")
	for name, value := range payload {
		placeholder := "{" + name + "}"
		if name == "recipientId" {
			placeholder = "{userId}"
		}
		switch at := slices.Index(steps, placeholder); {
		case at >= 0:
			steps[at] = url.PathEscape(fmt.Sprint(value))
		case op.method == http.MethodGet || op.method == http.MethodDelete:
			query.Set(name, fmt.Sprint(value))
		default:
			rest[name] = value
		}
	}
	path = strings.Join(steps, "/")
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	if len(rest) > 0 {
		body = text(rest)
	}
	return path, body
}

// request returns the status and the body of an answer. A 401 says how to sign in.
func (s *server) request(method, path, credentials, body string) (int, string) {
	s.t.Helper()
	request, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if credentials != "" {
		request.Header.Set("Authorization", "Bearer "+credentials)
	}
	response, err := s.http.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if response.StatusCode == http.StatusUnauthorized && response.Header.Get("WWW-Authenticate") == "" {
		s.t.Errorf("%s %s: 401 without WWW-Authenticate", method, path)
	}
	return response.StatusCode, string(raw)
}
