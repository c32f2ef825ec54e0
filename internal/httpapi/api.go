package httpapi

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/broadcast"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/deps"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/monitor"
	"github.com/sockeye-im/sockeye/internal/presence"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/upload"
	"github.com/sockeye-im/sockeye/internal/usage"
	"github.com/sockeye-im/sockeye/internal/webhook"
)

// Where things are.
const (
	root         = "/api/"
	version1     = "/api/v1"
	serverPrefix = version1 + "/server/"
	documentPath = "/api/openapi.json"
	docsPath     = "/api/docs"
	stylePath    = "/api/docs.css"
)

// Clients knows by which IP address a client counts.
type Clients interface {
	ClientIP(remote string, header http.Header) netip.Addr
	// Vouch is called with http.Request's address of a client that has signed in.
	Vouch(remote string)
}

// Deps are what the API works with; all are required.
type Deps struct {
	Accounts   *account.Service
	Chat       *chat.Service
	Commands   *command.Table
	Presence   *presence.Tracker
	Clients    Clients
	Overview   Overview
	Nodes      Nodes
	Monitor    *monitor.Monitor
	Jobs       *job.Queue
	Usage      *usage.Counter
	Webhooks   *webhook.Service
	Incoming   *webhook.Doors
	Broadcasts *broadcast.Service
	Push       *push.Service
	Files      *upload.Service `need:"optional"` // nil: there are none
	// Secret is what the queries that open files are signed with.
	Secret account.Secret
	Log    *slog.Logger
	Now    func() time.Time
}

// API serves everything below /api/ that has no other handler. It may be used concurrently.
type API struct {
	deps     Deps
	cfg      Config
	limits   *limits
	mux      *http.ServeMux
	document func() ([]byte, error) // made when it is first asked for
	page     func() ([]byte, error) // of the document, for people; likewise
	started  time.Time
	streams  chan struct{} // has one for each that is open
	access   fileAccess
}

// New makes the API. Its document is made once somebody wants it.
func New(cfg Config, d Deps) (*API, error) {
	if err := errors.Join(deps.Check(d), cfg.Validate()); err != nil {
		return nil, err
	}
	a := &API{deps: d, cfg: cfg, limits: newLimits(cfg, d.Now), mux: http.NewServeMux(), started: d.Now(), streams: make(chan struct{}, maxStreams), access: newAccess(d.Secret, d.Now)}
	operations := a.operations()
	for i := range operations {
		op := &operations[i]
		a.mux.Handle(op.method+" "+version1+op.path, &endpoint{a, op})
		if op.also != "" {
			a.mux.Handle(op.method+" "+op.also, &endpoint{a, op})
		}
	}
	a.document = sync.OnceValues(func() ([]byte, error) { return describe(cfg, operations) })
	a.page = sync.OnceValues(a.makePage)
	a.registerFiles()
	a.mux.HandleFunc("GET "+documentPath, a.serveDocument)
	a.mux.HandleFunc("GET "+docsPath, a.servePage)
	a.mux.HandleFunc("GET "+stylePath, serveStyle)
	return a, nil
}

// Document returns the OpenAPI document of an API with such settings, as JSON.
func Document(cfg Config) ([]byte, error) { return describe(cfg, new(API).operations()) }

func (a *API) operations() []operation {
	var all []operation
	for _, group := range [][]operation{
		a.accountOperations(), a.commandOperations(), a.serverUsers(), a.serverRooms(), a.serverPresence(), a.broadcastOperations(), a.pushOperations(),
		a.notificationOperations(), a.adminOperations(), a.adminUserOperations(), a.auditOperations(), a.jobOperations(), a.webhookOperations(), a.incomingOperations(), a.botOperations(), a.fileOperations(),
	} {
		all = append(all, group...)
	}
	for i := range all {
		all[i].prepare()
	}
	return all
}

// Register adds the API to a server.
func (a *API) Register(mux *http.ServeMux) {
	mux.Handle(root, a)
	mux.HandleFunc(contentPath, a.serveContent)
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if a.cors(w.Header(), r) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	from := a.deps.Clients.ClientIP(r.RemoteAddr, r.Header)
	if a.deps.Accounts.AddressBlocked(from) {
		newProblem(http.StatusForbidden, codeAddressBlocked, "", "Your address is blocked").write(w)
		return
	}
	handler, pattern := a.mux.Handler(r)
	if p := a.admit(w.Header(), handler, from); p != nil {
		p.write(w)
		return
	}
	if pattern == "" {
		unknown(handler, r, w.Header()).write(w)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// admit counts a request for its address. One for an operation that takes an API key is counted by signIn, and for the
// address only if the key is not good.
func (a *API) admit(h http.Header, handler http.Handler, from netip.Addr) *problem {
	if e, known := handler.(*endpoint); known && e.op.needs.scope != "" {
		return a.limits.requests.require(h, from)
	}
	return a.limits.requests.take(h, from)
}

// unknown says why there is no operation. The mux knows best, but says it in plain text.
func unknown(handler http.Handler, r *http.Request, h http.Header) *problem {
	said := &verdict{header: http.Header{}}
	handler.ServeHTTP(said, r)
	if said.status != http.StatusMethodNotAllowed {
		return newProblem(http.StatusNotFound, codeNotFound, "", "There is nothing at this address.")
	}
	allowed := said.header.Get("Allow")
	h.Set("Allow", allowed)
	return newProblem(http.StatusMethodNotAllowed, codeMethodNotAllowed, "", "This address takes "+allowed+" only.")
}

// verdict takes the status and the headers of an answer.
type verdict struct {
	header http.Header
	status int
}

func (v *verdict) Header() http.Header         { return v.header }
func (v *verdict) WriteHeader(status int)      { v.status = status }
func (v *verdict) Write(p []byte) (int, error) { return len(p), nil }
