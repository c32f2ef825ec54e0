package httpapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/command"
)

// contentPath is where the bytes of files are: /files/ID/VARIANT.
const contentPath = "/files/"

// accessFor is how long a query opens files.
const accessFor = time.Hour

// fileAccess makes and reads the queries that open files.
type fileAccess struct {
	key []byte
	now func() time.Time
}

func newAccess(secret account.Secret, now func() time.Time) fileAccess {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("sockeye: addresses of files"))
	return fileAccess{mac.Sum(nil), now}
}

func (a fileAccess) sign(user account.UserID, until int64) []byte {
	mac := hmac.New(sha256.New, a.key)
	mac.Write([]byte(strconv.FormatInt(until, 10) + " " + string(user)))
	return mac.Sum(nil)
}

func (a fileAccess) query(user account.UserID, until time.Time) string {
	return url.Values{
		"user": {string(user)}, "until": {strconv.FormatInt(until.Unix(), 10)},
		"signature": {base64.RawURLEncoding.EncodeToString(a.sign(user, until.Unix()))},
	}.Encode()
}

// user is whose a query is, if it is good. asked tells whether there is one at all.
func (a fileAccess) user(q url.Values) (user account.UserID, good, asked bool) {
	if !q.Has("signature") {
		return "", false, false
	}
	user = account.UserID(q.Get("user"))
	until, err := strconv.ParseInt(q.Get("until"), 10, 64)
	signature, failed := base64.RawURLEncoding.DecodeString(q.Get("signature"))
	good = err == nil && failed == nil && hmac.Equal(signature, a.sign(user, until)) && a.now().Unix() < until
	return user, good, true
}

// shown are types that a browser may show where it is; what it does with others could harm who opens them.
var shown = map[string]bool{
	"image/jpeg": true, "image/png": true, "image/gif": true, "image/webp": true, "video/mp4": true, "video/webm": true,
	"audio/mpeg": true, "audio/wav": true, "audio/ogg": true, "audio/mp4": true, "audio/webm": true, "audio/flac": true, "audio/aac": true,
}

// serveContent answers with the bytes of a file, or some of them. Whether the caller may read them is looked up each time.
func (a *API) serveContent(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Referrer-Policy", "no-referrer") // an address may have a query that opens others
	if a.cors(h, r) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if a.deps.Accounts.AddressBlocked(a.deps.Clients.ClientIP(r.RemoteAddr, r.Header)) {
		newProblem(http.StatusForbidden, codeAddressBlocked, "", "Your address is blocked").write(w)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		newProblem(http.StatusMethodNotAllowed, codeMethodNotAllowed, "", "This address takes GET, HEAD only.").write(w)
		return
	}
	if err := a.content(w, r); err != nil {
		p := problemOf(err)
		if p.Status == http.StatusInternalServerError && r.Context().Err() == nil {
			a.deps.Log.Error("request failed", "operation", "content", "err", err)
		}
		p.write(w)
	}
}

func (a *API) content(w http.ResponseWriter, r *http.Request) error {
	id, variant, whole := strings.Cut(strings.TrimPrefix(r.URL.Path, contentPath), "/")
	if a.deps.Files == nil || !whole {
		return chat.ErrFileNotFound
	}
	user, good, asked := a.access.user(r.URL.Query())
	if asked && (!good || a.deps.Accounts.Disabled(user)) {
		return chat.ErrFileNotFound // an old page may ask: it is as if the file were gone
	}
	if !asked {
		c, err := a.signIn(w.Header(), r, aUser)
		if err != nil {
			var p *problem
			if errors.As(err, &p) && p.Code == command.CodeUnauthenticated {
				p.Detail = "A user's token is needed, or a query of " + filesPath + "/access"
			}
			return err
		}
		user = c.user.ID
	}
	c, err := a.deps.Files.Open(r.Context(), user, id, variant)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // it was read only
	h := w.Header()
	kind, disposition := c.Type, "attachment"
	if shown[kind] {
		disposition = "inline"
	}
	if kind == "text/plain" {
		kind = "text/plain; charset=utf-8"
	}
	h.Set("Content-Type", kind)
	if named := mime.FormatMediaType(disposition, map[string]string{"filename": c.File.Name}); named != "" {
		disposition = named
	}
	h.Set("Content-Disposition", disposition)
	h.Set("Cache-Control", "private, no-cache") // what the browser has is asked about each time: it may not be read any more
	h.Set("ETag", `"`+strings.ReplaceAll(c.Tag, "/", ".")+`"`)
	h.Add("Vary", "Authorization")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if len(a.cfg.Origins) > 0 {
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
	connection := http.NewResponseController(w)
	http.ServeContent(&patient{w, connection}, r, "", time.Time{}, c.Blob)
	return nil
}

// patient gives a client time for each portion of a long answer, rather than for all of it.
type patient struct {
	http.ResponseWriter
	connection *http.ResponseController
}

// patientPortion is how many bytes a client takes in answerTime at least.
const patientPortion = 256 << 10

// ReadFrom implements io.ReaderFrom, by that of the connection where it has one.
func (p *patient) ReadFrom(from io.Reader) (n int64, err error) {
	for {
		_ = p.connection.SetWriteDeadline(time.Now().Add(answerTime)) // only a test's recorder has none
		some, err := io.CopyN(p.ResponseWriter, from, patientPortion)
		n += some
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// Write implements http.ResponseWriter.
func (p *patient) Write(b []byte) (int, error) {
	_ = p.connection.SetWriteDeadline(time.Now().Add(answerTime))
	return p.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }
