package keyfactorsim

// EncodeCSR makes a CSR as the seed's are made.
func EncodeCSR(c *CSR, name string) (string, error) { return c.encode(name) }
