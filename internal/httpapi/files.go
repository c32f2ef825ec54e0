package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/upload"
	"github.com/sockeye-im/sockeye/internal/wire"
)

const filesPath = version1 + "/files"

// fileOperations are those about files that take and answer JSON. How files get here is in tus.go and below.
func (a *API) fileOperations() []operation {
	return []operation{
		operate(operation{
			method: http.MethodGet, path: "/files/{fileId}", id: "getFile", tag: tagFiles, needs: aUser,
			summary: "Get what is known of a file", details: "One's own, and those in messages of conversations that one is in.",
		}, a.getFile),
		operate(operation{
			method: http.MethodDelete, path: "/files/{fileId}", id: "deleteFile", tag: tagFiles, needs: aUser,
			summary: "Delete a file", details: "One's own, while no message carries it. A file that messages carry goes with the last of these.",
		}, a.deleteFile),
		operate(operation{
			method: http.MethodGet, path: "/files/access", id: "getFileAccess", tag: tagFiles, needs: aUser,
			summary: "Get access to files by their addresses", details: "A query for the addresses of files, as what a page shows can send no header. It opens what its user may read at the time, for an hour.",
		}, a.getFileAccess),
	}
}

type filePayload struct {
	FileID string `json:"fileId" doc:"The id of a file."`
}

type fileAnswer struct {
	File wire.FileInfo `json:"file"`
}

func (a *API) getFile(ctx context.Context, c *caller, p filePayload) (fileAnswer, error) {
	if a.deps.Files == nil {
		return fileAnswer{}, chat.ErrFileNotFound
	}
	f, err := a.deps.Files.File(ctx, c.user.ID, p.FileID)
	return fileAnswer{wire.FileOf(&f)}, err
}

func (a *API) deleteFile(ctx context.Context, c *caller, p filePayload) (nothing, error) {
	if a.deps.Files == nil {
		return nothing{}, chat.ErrFileNotFound
	}
	return nothing{}, a.deps.Files.Delete(ctx, c.user.ID, p.FileID)
}

type fileAccessAnswer struct {
	Query     string    `json:"query" doc:"What to add to the address of any file, behind a question mark."`
	ExpiresAt wire.Time `json:"expiresAt"`
}

func (a *API) getFileAccess(_ context.Context, c *caller, _ nothing) (fileAccessAnswer, error) {
	until := a.deps.Now().Add(accessFor).UTC().Truncate(time.Second)
	return fileAccessAnswer{a.access.query(c.user.ID, until), wire.Time(until)}, nil
}

// registerFiles adds what takes files.
func (a *API) registerFiles() {
	if a.deps.Files == nil {
		return
	}
	a.mux.HandleFunc("POST "+filesPath, a.receiveForm)
	t := tus{a}
	a.mux.Handle(uploadsPath, t)
	a.mux.Handle(uploadsPath+"/{$}", t)
	a.mux.Handle(uploadsPath+"/{id}", t)
}

// answerTime is how long a client may take to read an answer behind a long request, or some of a long one.
const answerTime = 30 * time.Second

// beginTransfer signs in who sends or asks for much, and has neither take too long because of that.
func (a *API) beginTransfer(w http.ResponseWriter, r *http.Request) (*caller, error) {
	c, err := a.signIn(w.Header(), r, aUser)
	if err != nil {
		return nil, err
	}
	a.deps.Clients.Vouch(r.RemoteAddr)
	if body, guarded := r.Body.(interface{ Stream() }); guarded {
		body.Stream() // it may be longer, and take longer
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // only a test's recorder has none
	return c, nil
}

// endTransfer is called before the answer.
func endTransfer(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTime))
}

// refuseTransfer answers with what was wrong.
func (a *API) refuseTransfer(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError && p.Code == string(refusal.Internal) && r.Context().Err() == nil {
		a.deps.Log.Error("request failed", "operation", "upload", "err", err)
	}
	if errors.Is(err, upload.ErrStorageFull) {
		a.deps.Log.Warn("a file was refused, there is no space left", "err", err)
	}
	endTransfer(w)
	p.write(w)
}

// formOverhead is how much longer a form may be than the file in it.
const formOverhead = 64 << 10

// receiveForm takes a file as a form has it, in the field file.
func (a *API) receiveForm(w http.ResponseWriter, r *http.Request) {
	c, err := a.beginTransfer(w, r)
	if err != nil {
		a.refuseTransfer(w, r, err)
		return
	}
	file, err := a.takeForm(r, c)
	if err != nil {
		a.refuseTransfer(w, r, err)
		return
	}
	endTransfer(w)
	w.Header().Set("Location", filesPath+"/"+file.ID)
	writeBody(w, http.StatusCreated, typeJSON, fileAnswer{wire.FileOf(&file)})
}

func (a *API) takeForm(r *http.Request, c *caller) (chat.File, error) {
	most := a.deps.Files.MaxSize()
	if r.ContentLength > most+formOverhead {
		p := newProblem(http.StatusRequestEntityTooLarge, string(upload.CodeTooLarge), "file", fmt.Sprintf("The file may have %d bytes", most))
		p.Limit = int(most)
		return chat.File{}, p
	}
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || parameters["boundary"] == "" {
		return chat.File{}, newProblem(http.StatusUnsupportedMediaType, codeNotForm, "", "Content-Type must be multipart/form-data")
	}
	form := multipart.NewReader(io.LimitReader(r.Body, most+formOverhead), parameters["boundary"])
	for {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return chat.File{}, refusal.Missing("file")
		case err != nil:
			return chat.File{}, newProblem(http.StatusBadRequest, codeBodyIncomplete, "", "The form is not well formed, or did not arrive whole")
		case part.FormName() != "file":
			continue
		}
		record, err := a.deps.Files.Receive(r.Context(), c.user.ID, part.FileName(), r.ContentLength, part)
		if errors.Is(err, upload.ErrBroken) {
			return chat.File{}, newProblem(http.StatusBadRequest, codeBodyIncomplete, "", "The file did not arrive whole")
		}
		return record.File(), err
	}
}
