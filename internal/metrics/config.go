package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Configuration has it told whether what the configuration's files say is in
// force, and since when what is in force is: the names are Prometheus's own for this.
func (m *Metrics) Configuration(state func() (inForce bool, since time.Time)) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "config_last_reload_successful", Help: "1 if the configuration's files are in force as they are, 0 if a change of them was not taken up.",
		}, func() float64 {
			if ok, _ := state(); ok {
				return 1
			}
			return 0
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "config_last_reload_success_timestamp_seconds", Help: "When the configuration in force was taken up, or found to be what the files say.",
		}, func() float64 {
			_, since := state()
			return float64(since.UnixMilli()) / 1000
		}),
	)
}
