package storetest

import "github.com/sockeye-im/sockeye/internal/chat"

// testEpochs: seqs of another epoch say nothing, so that a client that comes with them starts afresh, wherever it was.
func testEpochs(f *fixture) {
	f.known("anna", "bert")
	m := f.append(f.direct("anna", "bert", "1"))
	f.append(f.direct("anna", "bert", "2"))
	here, err := f.store.Epoch(f.Context())
	f.Must(err)
	if here == "" || len(here) > chat.MaxEpoch {
		f.Fatalf("the epoch is %q", here)
	}
	for epoch, afresh := range map[string]bool{here: false, "": false, "another": true} {
		synced, err := f.store.Sync(f.Context(), chat.SyncQuery{
			User: "anna", Since: map[string]int64{m.ConversationID: 1, "dm:none": 1}, Epoch: epoch,
			MaxEvents: 10, MaxBytes: 64 << 10, MaxBehind: 20, MaxNew: 3,
		})
		f.Must(err)
		equal(f, "epoch", synced.Epoch, here)
		known, gone := synced.Conversations[1], synced.Conversations[0]
		if known.ConversationID != m.ConversationID {
			known, gone = gone, known
		}
		equal(f, "of epoch "+epoch, []any{known.Reset, known.Seq, len(known.Events) == 0, gone.Gone, synced.More},
			[]any{afresh, int64(2), afresh, true, false})
	}
}
