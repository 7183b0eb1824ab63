package keyfactor

import (
	"context"
	"encoding/json"
)

// Server is what Keyfactor tells about itself to an identity it accepts.
type Server struct {
	// Endpoints are those that our identity may use: "GET /Workflow/Instances".
	Endpoints []string
	// Version is the product version, empty if it is not told (before 11).
	Version string
}

// Endpoints proves that our credentials are accepted and tells what they are good for.
//
// Keyfactor's page: GET Status Endpoints (software.keyfactor.com).
func (c *Client) Endpoints(ctx context.Context) (Server, error) {
	q := get("/Status/Endpoints", nil)
	a, err := c.do(ctx, q)
	if err != nil {
		return Server{}, err
	}
	s := Server{Version: clean(a.header.Get("x-keyfactor-product-version"))}
	if err := json.Unmarshal(a.body, &s.Endpoints); err != nil {
		return Server{}, q.unclear(a, err)
	}
	return s, nil
}
