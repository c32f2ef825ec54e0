package hub

import (
	"maps"
	"reflect"
)

// Describe returns what the events carry that the hub tells, as encoding/json sees
// it, by their names: for those who describe them to others. It is nil for a
// notification, which is the application's own.
func Describe() map[string]reflect.Type {
	return maps.Clone(shapes)
}

var shapes = map[string]reflect.Type{
	"message:received":   reflect.TypeFor[Message](),
	"room:message":       reflect.TypeFor[Message](),
	"message:edited":     reflect.TypeFor[change](),
	"message:pinned":     reflect.TypeFor[change](),
	"message:unpinned":   reflect.TypeFor[change](),
	"message:deleted":    reflect.TypeFor[deletion](),
	"reaction:added":     reflect.TypeFor[reaction](),
	"reaction:removed":   reflect.TypeFor[reaction](),
	"room:user_joined":   reflect.TypeFor[membership](),
	"room:user_left":     reflect.TypeFor[membership](),
	"room:user_banned":   reflect.TypeFor[membership](),
	"room:user_unbanned": reflect.TypeFor[membership](),
	"room:invited":       reflect.TypeFor[membership](),
	"room:role":          reflect.TypeFor[role](),
	"room:members_added": reflect.TypeFor[added](),
	"room:updated":       reflect.TypeFor[roomChange](),
	"room:deleted":       reflect.TypeFor[roomEnd](),
	"message:read":       reflect.TypeFor[receipt](),
	"conversation:read":  reflect.TypeFor[mark](),
	"conversation:head":  reflect.TypeFor[Head](),
	"user:online":        reflect.TypeFor[person](),
	"user:offline":       reflect.TypeFor[person](),
	"typing:start":       reflect.TypeFor[person](),
	"typing:stop":        reflect.TypeFor[person](),
	"presence":           reflect.TypeFor[present](),
	"friend:requested":   reflect.TypeFor[relation](),
	"friend:cancelled":   reflect.TypeFor[relation](),
	"friend:accepted":    reflect.TypeFor[relation](),
	"friend:declined":    reflect.TypeFor[relation](),
	"friend:removed":     reflect.TypeFor[relation](),
	"user:blocked":       reflect.TypeFor[relation](),
	"user:unblocked":     reflect.TypeFor[relation](),
	"user:changed":       reflect.TypeFor[relation](),
	"notification":       nil,
}
