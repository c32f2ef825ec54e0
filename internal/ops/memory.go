package ops

import (
	runtimemetrics "runtime/metrics"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sockeye-im/sockeye/internal/monitor"
)

var memoryUsage = prometheus.NewDesc("websocket_memory_usage_bytes",
	"Memory by type: rss (the process, Linux only), heap_used (live and not yet collected), heap_total (got from the system), stack.",
	[]string{"type"}, nil)

// memory reads the process's memory when somebody looks, without stopping the program.
type memory struct{}

func (memory) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- memoryUsage }

func (memory) Collect(out chan<- prometheus.Metric) {
	emit := func(kind string, bytes uint64) {
		out <- prometheus.MustNewConstMetric(memoryUsage, prometheus.GaugeValue, float64(bytes), kind)
	}
	samples := []runtimemetrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"},
	}
	runtimemetrics.Read(samples)
	var sizes [4]uint64
	for i, sample := range samples {
		if sample.Value.Kind() == runtimemetrics.KindUint64 {
			sizes[i] = sample.Value.Uint64()
		}
	}
	used, unused, free, stack := sizes[0], sizes[1], sizes[2], sizes[3]
	emit("heap_used", used)
	emit("heap_total", used+unused+free)
	emit("stack", stack)
	if rss, ok := monitor.ResidentBytes(); ok {
		emit("rss", rss)
	}
}
