package keyfactorsim

import (
	"fmt"
	"net/http"
)

// The error codes that are publicly known. codeInvalid stands for the many that are not.
const (
	codePermission = "0xA0140002"
	codeSortField  = "0xA011004A"
	codeInvalid    = "0xA0110001"
	codeNotFound   = "0xA0110003"
)

// refusal is a call that the simulator turns down, as Keyfactor words it.
type refusal struct {
	status  int
	code    string
	message string
}

func (r *refusal) Error() string { return r.message }

func badRequest(format string, args ...any) *refusal {
	return &refusal{http.StatusBadRequest, codeInvalid, fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) *refusal {
	return &refusal{http.StatusNotFound, codeNotFound, fmt.Sprintf(format, args...)}
}

func forbidden(format string, args ...any) *refusal {
	return &refusal{http.StatusForbidden, codePermission, fmt.Sprintf(format, args...)}
}
