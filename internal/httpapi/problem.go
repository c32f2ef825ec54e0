package httpapi

import (
	"encoding/json"
	"net/http"
)

// problem is the body of every error answer.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
	Field  string `json:"field,omitempty"` // the field of the request that is at fault
}

func newProblem(status int, code, field, detail string) *problem {
	return &problem{"about:blank", http.StatusText(status), status, detail, code, field}
}

func (p *problem) write(w http.ResponseWriter) { writeBody(w, p.Status, "application/problem+json", p) }

func writeBody(w http.ResponseWriter, status int, contentType string, body any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only when the caller is gone
}
