package store

import "context"

// PackageUse knows which packages functions and versions have, and sees to it that one is deleted
// only when none has it.
type PackageUse struct{ *core }

// Which rows have packages is said in this file only, and in counted how many bytes of them a project
// has. A table whose rows have packages joins here: garbage collection and deletion then know of it.
const (
	// packageUses counts the rows of all projects that have the package of a digest, which it takes
	// as often as usesOfPackage repeats it.
	packageUses = `SELECT (SELECT COUNT(*) FROM functions WHERE code_sha256 = ?) +
		(SELECT COUNT(*) FROM function_versions WHERE code_sha256 = ?)`
	// packagesInUse selects the digests of all packages that rows have.
	packagesInUse = `SELECT code_sha256 FROM functions WHERE code_sha256 <> ''
		UNION SELECT code_sha256 FROM function_versions WHERE code_sha256 <> ''`
)

func usesOfPackage(sha256 string) []any { return []any{sha256, sha256} }

// PackageReferenced reports whether any project's function or version has this package, by the
// digest of its bytes.
func (s *PackageUse) PackageReferenced(ctx context.Context, sha256 string) (bool, error) {
	var n int
	err := s.get.one(ctx, s.get.packageUse, usesOfPackage(sha256)...).Scan(&n)
	return n > 0, unavailable(err)
}

// PackagesReferenced returns the digests of every package that a function or version of any
// project has.
func (s *PackageUse) PackagesReferenced(ctx context.Context) (map[string]bool, error) {
	rows, err := s.scans.QueryContext(ctx, packagesInUse)
	if err != nil {
		return nil, unavailable(err)
	}
	digests, err := scanAll(rows, func(row scanner) (digest string, err error) { return digest, row.Scan(&digest) })
	referenced := make(map[string]bool, len(digests))
	for _, digest := range digests {
		referenced[digest] = true
	}
	return referenced, err
}

// used reports whether a row has the package, as this transaction sees it.
func (t packageNotes) used(sha256 string) (bool, error) {
	var n int
	err := t.queryRow(packageUses, usesOfPackage(sha256)...).Scan(&n)
	return n > 0, err
}
