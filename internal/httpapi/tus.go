package httpapi

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/upload"
)

const uploadsPath = version1 + "/uploads"

// What is spoken of tus, see https://tus.io/protocols/resumable-upload.
const (
	tusVersion    = "1.0.0"
	tusExtensions = "creation,creation-with-upload,termination,concatenation,expiration,checksum"
	tusContent    = "application/offset+octet-stream"

	headerTus      = "Tus-Resumable"
	headerOffset   = "Upload-Offset"
	headerLength   = "Upload-Length"
	headerMetadata = "Upload-Metadata"
	headerConcat   = "Upload-Concat"
	headerChecksum = "Upload-Checksum"
	headerExpires  = "Upload-Expires"
	headerOverride = "X-HTTP-Method-Override"

	maxMetadata = 8 << 10 // bytes of the header
)

// tus serves uploads by that protocol: what survives a lost connection, and the end of either side.
type tus struct{ api *API }

func (t tus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if other := r.Header.Get(headerOverride); other != "" && method == http.MethodPost {
		method = other
	}
	id := r.PathValue("id")
	h := w.Header()
	h.Set(headerTus, tusVersion)
	if method == http.MethodOptions {
		h.Set("Tus-Version", tusVersion)
		h.Set("Tus-Extension", tusExtensions)
		h.Set("Tus-Checksum-Algorithm", upload.Algorithms)
		h.Set("Tus-Max-Size", strconv.FormatInt(t.api.deps.Files.MaxSize(), 10))
		w.WriteHeader(http.StatusNoContent)
		return
	}
	allowed := "OPTIONS, POST"
	if id != "" {
		allowed = "DELETE, HEAD, OPTIONS, PATCH"
	}
	var serve func(http.ResponseWriter, *http.Request, *caller, string) error
	switch {
	case id == "" && method == http.MethodPost:
		serve = t.create
	case id != "" && method == http.MethodHead:
		serve = t.head
	case id != "" && method == http.MethodPatch:
		serve = t.patch
	case id != "" && method == http.MethodDelete:
		serve = t.terminate
	default:
		h.Set("Allow", allowed)
		newProblem(http.StatusMethodNotAllowed, codeMethodNotAllowed, "", "This address takes "+allowed+" only.").write(w)
		return
	}
	if version := r.Header.Get(headerTus); version != tusVersion {
		h.Set("Tus-Version", tusVersion)
		newProblem(http.StatusPreconditionFailed, codeTusVersion, headerTus, "Tus-Resumable must be "+tusVersion).write(w)
		return
	}
	c, err := t.api.beginTransfer(w, r)
	if err == nil {
		err = serve(w, r, c, id)
	}
	if err != nil {
		t.api.refuseTransfer(w, r, err)
	}
}

// create begins an upload, takes what comes with it, or puts one together.
func (t tus) create(w http.ResponseWriter, r *http.Request, c *caller, _ string) error {
	n := upload.NewUpload{Owner: c.user.ID, Metadata: r.Header.Get(headerMetadata)}
	metadata, err := parseMetadata(n.Metadata)
	if err != nil {
		return err
	}
	n.Name = metadata["filename"]
	if n.Name == "" {
		n.Name = metadata["name"]
	}
	concat := r.Header.Get(headerConcat)
	urls, final := strings.CutPrefix(concat, "final;")
	switch {
	case final:
		record, err := t.api.deps.Files.Join(r.Context(), n, concat, idsOf(urls))
		if err != nil {
			return err
		}
		t.tell(w, &record)
		return t.created(w, &record, false)
	case concat == "partial":
		n.Partial = true
	case concat != "":
		return refusal.Invalid(headerConcat, "must be partial, or final with uploads")
	}
	if n.Length, err = number(r, headerLength); err != nil {
		return err
	}
	withBody := r.Header.Get("Content-Type") == tusContent && r.ContentLength != 0
	var checksum upload.Checksum
	if withBody {
		if checksum, err = checksumOf(r); err != nil {
			return err
		}
	}
	record, err := t.api.deps.Files.Create(r.Context(), n)
	if err != nil {
		return err
	}
	if withBody {
		var came upload.Record
		if came, err = t.api.deps.Files.Append(r.Context(), c.user.ID, record.ID, piece(r, 0, checksum)); err != nil {
			w.Header().Set("Location", uploadsPath+"/"+record.ID)
			return broken(err)
		}
		record = came
	}
	t.tell(w, &record)
	return t.created(w, &record, withBody)
}

func (t tus) created(w http.ResponseWriter, record *upload.Record, withBody bool) error {
	h := w.Header()
	if !withBody {
		h.Del(headerOffset)
	}
	h.Del(headerLength)
	h.Del(headerMetadata)
	h.Del(headerConcat)
	h.Set("Location", uploadsPath+"/"+record.ID)
	endTransfer(w)
	w.WriteHeader(http.StatusCreated)
	return nil
}

// tell says where an upload is.
func (t tus) tell(w http.ResponseWriter, record *upload.Record) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set(headerOffset, strconv.FormatInt(record.Offset, 10))
	h.Set(headerLength, strconv.FormatInt(record.Length, 10))
	if record.Metadata != "" {
		h.Set(headerMetadata, record.Metadata)
	}
	if record.Concat != "" {
		h.Set(headerConcat, record.Concat)
	}
	if record.State == upload.Uploading {
		h.Set(headerExpires, record.ExpiresAt.UTC().Format(http.TimeFormat))
	}
}

func (t tus) head(w http.ResponseWriter, r *http.Request, c *caller, id string) error {
	record, err := t.api.deps.Files.Settled(r.Context(), c.user.ID, id)
	if err != nil {
		return err
	}
	t.tell(w, &record)
	w.WriteHeader(http.StatusOK)
	return nil
}

func (t tus) patch(w http.ResponseWriter, r *http.Request, c *caller, id string) error {
	if kind := r.Header.Get("Content-Type"); kind != tusContent {
		return newProblem(http.StatusUnsupportedMediaType, codeNotOctets, "", "Content-Type must be "+tusContent)
	}
	offset, err := number(r, headerOffset)
	if err != nil {
		return err
	}
	checksum, err := checksumOf(r)
	if err != nil {
		return err
	}
	record, err := t.api.deps.Files.Append(r.Context(), c.user.ID, id, piece(r, offset, checksum))
	if err != nil {
		return broken(err)
	}
	w.Header().Set(headerOffset, strconv.FormatInt(record.Offset, 10))
	if record.State == upload.Uploading {
		w.Header().Set(headerExpires, record.ExpiresAt.UTC().Format(http.TimeFormat))
	}
	endTransfer(w)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (t tus) terminate(w http.ResponseWriter, r *http.Request, c *caller, id string) error {
	if err := t.api.deps.Files.Cancel(r.Context(), c.user.ID, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// piece is the body of a request.
func piece(r *http.Request, offset int64, checksum upload.Checksum) upload.Piece {
	p := upload.Piece{Offset: offset, Body: r.Body, Length: r.ContentLength, Checksum: checksum}
	if body, guarded := r.Body.(interface{ Stop() }); guarded {
		p.Stop = body.Stop
	}
	return p
}

// broken says of a body that did not come whole what a client may do: go on from where the upload is.
func broken(err error) error {
	if errors.Is(err, upload.ErrBroken) {
		return newProblem(http.StatusServiceUnavailable, codeBodyIncomplete, "", "The body did not arrive whole. Go on from where the upload is")
	}
	return err
}

// number reads a header that is a number of bytes.
func number(r *http.Request, header string) (int64, error) {
	text := r.Header.Get(header)
	if text == "" {
		return 0, refusal.Missing(header)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || text[0] == '+' {
		return 0, refusal.Invalid(header, "must be a number of bytes")
	}
	return n, nil
}

func checksumOf(r *http.Request) (upload.Checksum, error) {
	text := r.Header.Get(headerChecksum)
	if text == "" {
		return upload.Checksum{}, nil
	}
	algorithm, sum, _ := strings.Cut(text, " ")
	want, err := base64.StdEncoding.DecodeString(sum)
	if err != nil {
		return upload.Checksum{}, refusal.Invalid(headerChecksum, "must be an algorithm, a space, and a sum in base64")
	}
	return upload.NewChecksum(algorithm, want)
}

// parseMetadata reads the header Upload-Metadata: keys, each with a value in base64 behind a space, or without one.
func parseMetadata(text string) (map[string]string, error) {
	metadata := make(map[string]string)
	if len(text) > maxMetadata {
		return nil, refusal.TooMuch(headerMetadata, maxMetadata, "bytes")
	}
	if strings.TrimSpace(text) == "" {
		return metadata, nil
	}
	for pair := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(pair), " ")
		decoded, err := base64.StdEncoding.DecodeString(value)
		if key == "" || err != nil {
			return nil, refusal.Invalid(headerMetadata, fmt.Sprintf("must have values in base64, %q has none", key))
		}
		metadata[key] = string(decoded)
	}
	return metadata, nil
}

// idsOf are the uploads that addresses name, which are separated by spaces: the last part of each.
func idsOf(urls string) []string {
	fields := strings.Fields(urls)
	for i, address := range fields {
		address, _, _ = strings.Cut(address, "?")
		fields[i] = address[strings.LastIndexByte(address, '/')+1:]
	}
	return fields
}
