package socketio

import "errors"

// ParentNamespace stands for all the namespaces whose names its match function
// allows. They share its handlers, and each exists while a socket is in it.
type ParentNamespace struct {
	*Handlers
	server *Server
	allows func(name string, auth Value) bool
}

func newParent(s *Server, match func(string, Value) bool) *ParentNamespace {
	return &ParentNamespace{Handlers: new(Handlers), server: s, allows: match}
}

// Emit sends an event to all sockets of all its namespaces.
func (p *ParentNamespace) Emit(event string, args ...any) error {
	var err error
	for _, n := range p.children() {
		err = errors.Join(err, n.Emit(event, args...))
	}
	return err
}

func (p *ParentNamespace) children() []*Namespace {
	p.server.mu.RLock()
	defer p.server.mu.RUnlock()
	var children []*Namespace
	for _, n := range p.server.namespaces {
		if n.Handlers == p.Handlers {
			children = append(children, n)
		}
	}
	return children
}

func (p *ParentNamespace) match(name string, auth Value) bool {
	ok := false
	err := guard(func() error { ok = p.allows(name, auth); return nil })
	if err != nil {
		p.server.cfg.Logger.Error("socketio: namespace function", "err", err)
	}
	return err == nil && ok
}

// child returns the namespace, made if needed, reserved for one client.
func (p *ParentNamespace) child(name string) *Namespace {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	n := p.server.namespaces[name]
	if n == nil {
		n = newNamespace(p.server, name, p.Handlers)
		n.dynamic = true
		p.server.namespaces[name] = n
	}
	n.joining++
	return n
}
