package authorization_test

import (
	"encoding/json"
	"slices"
	"strings"
)

// view is what others see of a place and of who changes it, by who looks. It is taken where only the caller may see a
// change: where nothing may change, the database says so.
type view map[standing]string

// look takes the views of those whom a cell may concern, but for the caller.
func (w *world) look(p *place, caller standing) view {
	w.t.Helper()
	seen := make(view)
	for _, s := range []standing{admin, friend, blocked, asker} {
		switch s {
		case caller:
		case admin:
			seen[s] = w.see(s, w.wholeView(p))
		default:
			seen[s] = w.see(s, ownView)
		}
	}
	return seen
}

// question is one that changes nothing.
type question struct{ name, payload string }

var ownView = []question{{"friend:list", `{}`}, {"room:list", `{"invited":true}`}}

func (w *world) wholeView(p *place) []question {
	asked := []question{{"conversation:list", `{"limit":3}`}, {"friend:list", `{}`}}
	if p.room != "" {
		room := `{"roomId":"` + p.room + `"}`
		return append(asked, question{"room:get", room}, question{"room:members", room}, question{"room:bans", room}, question{"history", room}, question{"message:pins", room})
	}
	for with := range p.pairs {
		user := `{"userId":"` + w.people[with].id + `","limit":10}`
		asked = append(asked, question{"history", user}, question{"message:pins", user})
	}
	slices.SortFunc(asked, func(a, b question) int { return strings.Compare(a.name+a.payload, b.name+b.payload) })
	return asked
}

// see asks everything at once.
func (w *world) see(s standing, asked []question) string {
	w.t.Helper()
	d := w.people[s].watch
	refs := make([]string, len(asked))
	for i, q := range asked {
		refs[i] = d.send(q.name, object(w.t, q.payload))
	}
	var seen strings.Builder
	for i, q := range asked {
		a, err := d.receive(refs[i])
		if err != nil {
			w.t.Fatalf("%s asks %s: %v", s, q.name, err)
		}
		seen.WriteString(q.name + " " + w.withoutHerald(a.body, refs[i]) + "\n")
	}
	return seen.String()
}

// withoutHerald leaves out what differs each time: the ref, and the conversation in which the herald speaks.
func (w *world) withoutHerald(body, ref string) string {
	body = strings.TrimSuffix(body, `,"ref":"`+ref+`"}`)
	if !strings.Contains(body, `"`+w.heralds+`"`) {
		return body
	}
	var list struct{ Conversations []json.RawMessage }
	if err := json.Unmarshal([]byte(body+"}"), &list); err != nil {
		w.t.Fatalf("%s: %v", body, err)
	}
	list.Conversations = slices.DeleteFunc(list.Conversations, func(c json.RawMessage) bool {
		return strings.Contains(string(c), `"`+w.heralds+`"`)
	})
	return text(list.Conversations)
}
