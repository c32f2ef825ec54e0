package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// statements are those that the stores of a test have asked. It is a tracer of all their connections.
type statements struct {
	mu    sync.Mutex
	asked map[string]bool
}

var (
	_ pgx.QueryTracer = (*statements)(nil)
	_ pgx.BatchTracer = (*statements)(nil)
)

func (all *statements) add(statement string) {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.asked[statement] = true
}

func (all *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	all.add(q.SQL)
	return ctx
}

func (all *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (all *statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, batch pgx.TraceBatchStartData) context.Context {
	for _, q := range batch.Batch.QueuedQueries {
		all.add(q.SQL)
	}
	return ctx
}

func (all *statements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (all *statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// planned are statements that have a plan.
var planned = regexp.MustCompile(`^\s*(?i:SELECT|INSERT|UPDATE|DELETE|WITH)\b`)

// scannable may be looked at as a whole: tables of a row or a few, what is read as a whole at the start of a server, and
// indexes that have only what is asked for, or what a text is looked for in.
var scannable = []string{
	"server", "probes", "secrets", "api_keys", "blocked_addresses", "writers", "nodes", "imports", "leases", "goose_db_version",
	"revoked_users", "revoked_tokens", "paused_kinds", "usage_counts", "usage_progress",
	"webhooks", "incoming_webhooks", "push_keys",
	"push_subscriptions_by_type", // counted, for who wants to know
	"users_admin", "users_of_nobody", "users_disabled", "rooms_public",
}

// collectStatements checks at the end of the test that the plan of none of them looks at all of a table that grows: in a
// database with something in it, for whatever values.
func collectStatements(t *testing.T) *statements {
	all := &statements{asked: make(map[string]bool)}
	address := pgtest.Database(t)
	openStore(t, address, discard)
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		filled, err := os.ReadFile("testdata/filled.sql")
		if err != nil {
			t.Fatal(err)
		}
		pgtest.Exec(t, address, string(filled))
		pgtest.Exec(t, address, "VACUUM ANALYZE")
		conn, err := pgx.Connect(context.Background(), address)
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range slices.Sorted(maps.Keys(all.asked)) {
			if planned.MatchString(statement) {
				allowed := scannable
				switch statement {
				case postgres.DueQuery: // it looks at every conversation, now and then
					allowed = append(slices.Clip(scannable), "conversations", "rooms")
				case postgres.BeginUsage: // likewise, once
					allowed = append(slices.Clip(scannable), "conversations")
				}
				checkPlan(t, conn, statement, allowed)
			}
		}
		if err := conn.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return all
}

func checkPlan(t *testing.T, conn *pgx.Conn, statement string, scannable []string) {
	t.Helper()
	plan, err := explain(conn, statement)
	if err != nil {
		t.Errorf("%v in %s", err, statement)
		return
	}
	var text strings.Builder
	if scans(plan, scannable, &text, 0) {
		t.Errorf("%s\nscans:\n%s", statement, text.String())
	}
}

// node is a step of a plan.
type node struct {
	Type     string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Index    string  `json:"Index Name"`
	Cond     string  `json:"Index Cond"`
	Filter   string  `json:"Filter"`
	Rows     float64 `json:"Plan Rows"`
	Plans    []node  `json:"Plans"`
}

// scans tells whether a plan looks at all of what must not be, and writes the plan out.
func scans(n node, scannable []string, text *strings.Builder, depth int) (found bool) {
	fmt.Fprintf(text, "%s%s %s %s [%s] {%s} %.0f rows\n", strings.Repeat("  ", depth), n.Type, n.Relation, n.Index, n.Cond, n.Filter, n.Rows)
	switch n.Type {
	case "Seq Scan":
		found = !slices.Contains(scannable, n.Relation)
	case "Index Scan", "Index Only Scan", "Bitmap Index Scan":
		found = n.Cond == "" && !slices.Contains(scannable, n.Index) && !slices.Contains(scannable, n.Relation)
	}
	for _, below := range n.Plans {
		found = scans(below, scannable, text, depth+1) || found
	}
	return found
}

// explain returns the plan that a statement has once it has been asked often, which is for any values.
func explain(conn *pgx.Conn, statement string) (node, error) {
	ctx := context.Background()
	prepared, err := conn.Prepare(ctx, "planned", statement)
	if err != nil {
		return node{}, err
	}
	values := strings.TrimSuffix(strings.Repeat("NULL, ", len(prepared.ParamOIDs)), ", ")
	if values != "" {
		values = "(" + values + ")"
	}
	var raw []byte
	_, err = conn.Exec(ctx, "SET plan_cache_mode = force_generic_plan")
	if err == nil {
		err = conn.QueryRow(ctx, "EXPLAIN (FORMAT JSON) EXECUTE planned"+values, pgx.QueryExecModeSimpleProtocol).Scan(&raw)
	}
	err = errors.Join(err, conn.Deallocate(ctx, "planned"))
	if err != nil {
		return node{}, err
	}
	var plans []struct{ Plan node }
	if err := json.Unmarshal(raw, &plans); err != nil {
		return node{}, err
	}
	return plans[0].Plan, nil
}
