package httpapi_test

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // tus asks for it
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/wire"
)

// request is one of tus.
type request struct {
	method, path string
	header       values
	body         string
}

// send sends a request with the token of a user, none where that is empty.
func (n *node) send(user string, r request) *http.Response {
	n.t.Helper()
	address := r.path
	if !strings.HasPrefix(address, "http") {
		address = n.url + address
	}
	req, err := http.NewRequestWithContext(n.t.Context(), r.method, address, strings.NewReader(r.body))
	if err != nil {
		n.t.Fatal(err)
	}
	req.Header.Set("Tus-Resumable", "1.0.0")
	if user != "" {
		req.Header.Set("Authorization", "Bearer "+n.token(user))
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

// expect ends the test unless the answer has a status.
func (n *node) expect(user string, r request, status int) *http.Response {
	n.t.Helper()
	answer := n.send(user, r)
	if answer.StatusCode != status {
		body, _ := io.ReadAll(answer.Body)
		n.t.Fatalf("%s %s %v: %d, want %d: %s", r.method, r.path, r.header, answer.StatusCode, status, body)
	}
	return answer
}

// dot is a picture.
var dot = func() string {
	raw, _ := base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
	return string(raw)
}()

const octets = "application/offset+octet-stream"

func metadata(name string) string {
	return "filename " + base64.StdEncoding.EncodeToString([]byte(name)) + ",filetype aW1hZ2UvcG5n"
}

func TestTus(t *testing.T) {
	n := serve(t)
	n.token("ada")
	r := n.expect("", request{method: http.MethodOptions, path: "/api/v1/uploads"}, http.StatusNoContent)
	for name, want := range map[string]string{
		"Tus-Version": "1.0.0", "Tus-Max-Size": "10000000", "Tus-Checksum-Algorithm": "sha1,sha256",
		"Tus-Extension": "creation,creation-with-upload,termination,concatenation,expiration,checksum",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	size := fmt.Sprint(len(dot))
	r = n.expect("ada", request{method: http.MethodPost, path: "/api/v1/uploads", header: values{"Upload-Length": size, "Upload-Metadata": metadata("dot.png")}}, http.StatusCreated)
	place := r.Header.Get("Location")
	if expires, err := http.ParseTime(r.Header.Get("Upload-Expires")); err != nil || time.Until(expires) < 23*time.Hour {
		t.Errorf("it expires at %v, %v", expires, err)
	}
	head := func(offset string) {
		t.Helper()
		r := n.expect("ada", request{method: http.MethodHead, path: place}, http.StatusOK)
		if r.Header.Get("Upload-Offset") != offset || r.Header.Get("Upload-Length") != size || r.Header.Get("Upload-Metadata") != metadata("dot.png") || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("the upload is %v, want offset %s", r.Header, offset)
		}
	}
	head("0")
	r = n.expect("ada", request{method: http.MethodPatch, path: place, header: values{"Upload-Offset": "0", "Content-Type": octets}, body: dot[:10]}, http.StatusNoContent)
	if r.Header.Get("Upload-Offset") != "10" || r.Header.Get("Upload-Expires") == "" {
		t.Errorf("behind 10 bytes: %v", r.Header)
	}
	head("10")
	sum := sha1.Sum([]byte(dot[10:])) //nolint:gosec // tus asks for it
	checksum := "sha1 " + base64.StdEncoding.EncodeToString(sum[:])
	n.expect("ada", request{method: http.MethodPatch, path: place, header: values{"Upload-Offset": "10", "Content-Type": octets, "Upload-Checksum": checksum}, body: dot[10:len(dot)-1] + "x"}, 460)
	head("10")
	// By POST, as some networks let nothing else pass.
	r = n.expect("ada", request{method: http.MethodPost, path: place, header: values{
		"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "10", "Content-Type": octets, "Upload-Checksum": checksum,
	}, body: dot[10:]}, http.StatusNoContent)
	if r.Header.Get("Upload-Offset") != size || r.Header.Get("Upload-Expires") != "" {
		t.Errorf("behind all: %v", r.Header)
	}
	head(size)
	n.expect("ada", request{method: http.MethodDelete, path: place}, http.StatusNoContent)
	n.expect("ada", request{method: http.MethodHead, path: place}, http.StatusNotFound)

	r = n.expect("ada", request{method: http.MethodPost, path: "/api/v1/uploads/", header: values{"Upload-Length": size, "Content-Type": octets}, body: dot}, http.StatusCreated)
	if r.Header.Get("Upload-Offset") != size || r.Header.Get("Location") == "" {
		t.Errorf("created with all bytes: %v", r.Header)
	}

	var parts []string
	for _, part := range []string{dot[:30], dot[30:]} {
		r := n.expect("ada", request{method: http.MethodPost, path: "/api/v1/uploads", header: values{
			"Upload-Length": fmt.Sprint(len(part)), "Upload-Concat": "partial", "Content-Type": octets,
		}, body: part}, http.StatusCreated)
		parts = append(parts, n.url+r.Header.Get("Location"))
	}
	r = n.expect("ada", request{method: http.MethodPost, path: "/api/v1/uploads", header: values{
		"Upload-Concat": "final;" + strings.Join(parts, " "), "Upload-Metadata": metadata("whole.png"),
	}}, http.StatusCreated)
	r = n.expect("ada", request{method: http.MethodHead, path: r.Header.Get("Location")}, http.StatusOK)
	if r.Header.Get("Upload-Length") != size || r.Header.Get("Upload-Offset") != size || !strings.HasPrefix(r.Header.Get("Upload-Concat"), "final;") {
		t.Errorf("put together: %v", r.Header)
	}
}

func TestTusRefusals(t *testing.T) {
	n := serve(t)
	n.token("bob")
	created := n.expect("ada", request{method: http.MethodPost, path: "/api/v1/uploads", header: values{"Upload-Length": fmt.Sprint(len(dot))}}, http.StatusCreated)
	place := created.Header.Get("Location")
	patch := func(header values, body string) request {
		all := values{"Upload-Offset": "0", "Content-Type": octets}
		for name, value := range header {
			all[name] = value
		}
		return request{http.MethodPatch, place, all, body}
	}
	create := func(header values) request { return request{http.MethodPost, "/api/v1/uploads", header, ""} }
	for _, test := range []struct {
		user   string
		r      request
		status int
		code   string
	}{
		{"", create(values{"Upload-Length": "1"}), 401, "authentication_failed"},
		{"ada", create(values{"Upload-Length": "1", "Tus-Resumable": "0.2.2"}), 412, "tus_version"},
		{"ada", create(nil), 400, "missing_fields"},
		{"ada", create(values{"Upload-Length": "x"}), 400, "invalid_field"},
		{"ada", create(values{"Upload-Length": "-1"}), 400, "invalid_field"},
		{"ada", create(values{"Upload-Length": "0"}), 400, "invalid_field"},
		{"ada", create(values{"Upload-Defer-Length": "1"}), 400, "missing_fields"},
		{"ada", create(values{"Upload-Length": "10000001"}), 413, "file_too_large"},
		{"ada", create(values{"Upload-Length": "1", "Upload-Metadata": "filename ***"}), 400, "invalid_field"},
		{"ada", create(values{"Upload-Length": "1", "Upload-Metadata": metadata(strings.Repeat("x", 300))}), 400, "limit_exceeded"},
		{"ada", create(values{"Upload-Length": "1", "Upload-Concat": "half"}), 400, "invalid_field"},
		{"ada", create(values{"Upload-Concat": "final;/api/v1/uploads/file_none"}), 404, "upload_not_found"},
		{"ada", create(values{"Upload-Concat": "final;"}), 400, "missing_fields"},
		{"ada", patch(values{"Content-Type": "image/png"}, dot), 415, "content_type_not_octets"},
		{"ada", patch(values{"Upload-Offset": "1"}, dot), 409, "upload_offset_mismatch"},
		{"ada", patch(values{"Upload-Offset": ""}, dot), 400, "missing_fields"},
		{"ada", patch(values{"Upload-Checksum": "md5 AAAA"}, dot), 400, "invalid_field"},
		{"ada", patch(values{"Upload-Checksum": "sha1 *"}, dot), 400, "invalid_field"},
		{"ada", patch(nil, dot+"x"), 400, "limit_exceeded"},
		{"bob", patch(nil, dot), 404, "upload_not_found"},
		{"ada", patch(nil, "<!DOCTYPE html><html></html>"+strings.Repeat(" ", len(dot)-28)), 415, "file_type_not_allowed"},
		{"ada", patch(nil, dot), 404, "upload_not_found"}, // it is gone by that
		{"ada", request{method: http.MethodPut, path: place}, 405, "method_not_allowed"},
	} {
		r := n.send(test.user, test.r)
		var p struct{ Code string }
		if err := json.NewDecoder(r.Body).Decode(&p); r.StatusCode != test.status || p.Code != test.code {
			t.Errorf("%s %s %v: %d %q, %v; want %d %q", test.r.method, test.r.path, test.r.header, r.StatusCode, p.Code, err, test.status, test.code)
		}
	}
}

// form is a body with a file.
func form(field, name, content string) (body, kind string) {
	var to bytes.Buffer
	w := multipart.NewWriter(&to)
	part, _ := w.CreateFormFile(field, name) // never fails in memory
	_, _ = io.WriteString(part, content)
	_ = w.Close()
	return to.String(), w.FormDataContentType()
}

// upload uploads a file by a form.
func (n *node) upload(user, name, content string) wire.FileInfo {
	n.t.Helper()
	body, kind := form("file", name, content)
	r := n.expect(user, request{http.MethodPost, "/api/v1/files", values{"Content-Type": kind}, body}, http.StatusCreated)
	var answer struct{ File json.RawMessage }
	var file struct{ wire.FileInfo }
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		n.t.Fatal(err)
	}
	_ = json.Unmarshal(answer.File, &file.FileInfo) // but for the time
	return file.FileInfo
}

func TestForm(t *testing.T) {
	n := serve(t)
	f := n.upload("ada", `..\secret/图 片.png`, dot)
	if f.OriginalName != "图 片.png" || f.Mimetype != "image/png" || f.Size != int64(len(dot)) || f.UploadedBy != "ada" || f.Filename != f.ID+".png" || f.URL != "/files/"+f.ID+"/original" {
		t.Errorf("the file is %+v", f)
	}
	for what, test := range map[string]struct {
		field, content string
		status         int
	}{
		"another field": {"image", dot, 400}, "nothing": {"file", "", 400}, "one byte over": {"file", strings.Repeat("x", 10_000_001), 413},
		"far too much": {"file", strings.Repeat("x", 10_100_000), 413}, "another type": {"file", "<!DOCTYPE html><html></html>", 415},
	} {
		body, kind := form(test.field, "a.png", test.content)
		if r := n.send("ada", request{http.MethodPost, "/api/v1/files", values{"Content-Type": kind}, body}); r.StatusCode != test.status {
			t.Errorf("%s: %d, want %d", what, r.StatusCode, test.status)
		}
	}
	body, kind := form("file", "a.png", dot)
	for status, r := range map[int]request{
		415: {http.MethodPost, "/api/v1/files", values{"Content-Type": "image/png"}, dot},
		400: {http.MethodPost, "/api/v1/files", values{"Content-Type": kind}, body[:len(body)/2]},
	} {
		n.expect("ada", r, status)
	}
	n.expect("", request{http.MethodPost, "/api/v1/files", values{"Content-Type": kind}, body}, 401)
}

// What is read: by whom, and with which headers.
func TestContent(t *testing.T) {
	n := serve(t)
	n.token("bob")
	n.token("eve")
	f := n.upload("ada", "图 a.png", dot)
	get := func(user, path string, header values, status int) *http.Response {
		t.Helper()
		return n.expect(user, request{method: http.MethodGet, path: path, header: header}, status)
	}
	get("bob", f.URL, nil, 404)
	get("", f.URL, nil, 401)
	n.expect("ada", request{http.MethodPost, "/api/v1/users/bob/messages", values{"Content-Type": "application/json"}, `{"attachments":["` + f.ID + `"]}`}, 201)
	r := get("bob", f.URL, nil, 200)
	if body, _ := io.ReadAll(r.Body); string(body) != dot {
		t.Errorf("bob reads %q", body)
	}
	for name, want := range map[string]string{
		"Content-Type": "image/png", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'",
		"Content-Disposition": "inline; filename*=utf-8''%E5%9B%BE%20a.png", "Cache-Control": "private, no-cache", "Accept-Ranges": "bytes",
		"Cross-Origin-Resource-Policy": "same-origin", "Referrer-Policy": "no-referrer",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	tag := r.Header.Get("ETag")
	get("bob", f.URL, values{"If-None-Match": tag}, 304)
	get("eve", f.URL, values{"If-None-Match": tag}, 404)
	r = get("bob", f.URL, values{"Range": "bytes=1-3"}, 206)
	if body, _ := io.ReadAll(r.Body); string(body) != "PNG" {
		t.Errorf("bytes 1 to 3 are %q", body)
	}
	get("bob", f.URL, values{"Range": "bytes=" + fmt.Sprint(len(dot)) + "-"}, 416)
	for _, path := range []string{"/files/" + f.ID + "/thumbnail", "/files/" + f.ID, "/files/", "/files/x/../../" + f.ID + "/original", "/files/" + f.ID + "/%2e%2e%2foriginal"} {
		if r := n.send("bob", request{method: http.MethodGet, path: path}); r.StatusCode != 404 {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	n.expect("bob", request{method: http.MethodPost, path: f.URL}, 405)
	text := n.upload("ada", "a.html", "just words")
	r = get("ada", text.URL, nil, 200)
	if got := r.Header.Get("Content-Disposition") + r.Header.Get("Content-Type"); got != "attachment; filename=a.htmltext/plain; charset=utf-8" {
		t.Errorf("a text is served as %s", got)
	}

	// Deleting: not while a message carries it, and with it when that goes.
	n.expect("ada", request{method: http.MethodDelete, path: "/api/v1/files/" + f.ID}, 409)
	n.expect("bob", request{method: http.MethodDelete, path: "/api/v1/files/" + text.ID}, 404)
	n.expect("ada", request{method: http.MethodDelete, path: "/api/v1/files/" + text.ID}, 204)
	get("ada", text.URL, nil, 404)
}

// A query opens what its user may read at the time, for an hour.
func TestAccessToContent(t *testing.T) {
	now := time.Now()
	n := serve(t, func(s *setup) { s.now = func() time.Time { return now } })
	n.token("bob")
	f := n.upload("ada", "a.png", dot)
	query := func(user string) string {
		t.Helper()
		r := n.expect(user, request{method: http.MethodGet, path: "/api/v1/files/access"}, 200)
		var answer struct{ Query string }
		if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		return answer.Query
	}
	of := query("ada")
	n.expect("", request{method: http.MethodGet, path: f.URL + "?" + of}, 200)
	n.expect("", request{method: http.MethodGet, path: f.URL + "?" + query("bob")}, 404)
	parts, err := url.ParseQuery(of)
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]string{"user": "bob", "until": fmt.Sprint(now.Unix() + 100_000), "signature": "AAAA"} {
		forged := url.Values{"user": parts["user"], "until": parts["until"], "signature": parts["signature"]}
		forged.Set(name, other)
		n.expect("", request{method: http.MethodGet, path: f.URL + "?" + forged.Encode()}, 404)
	}
	now = now.Add(time.Hour)
	n.expect("", request{method: http.MethodGet, path: f.URL + "?" + of}, 404)
	n.expect("", request{method: http.MethodGet, path: f.URL + "?" + query("ada")}, 200)
}
