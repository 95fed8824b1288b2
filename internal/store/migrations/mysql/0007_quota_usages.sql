-- +goose Up
-- What projects have when counting begins.
DELETE FROM quota_usages;
INSERT INTO quota_usages (project_id, resource, used) SELECT project_id, 'functions', COUNT(*) FROM functions GROUP BY project_id;
INSERT INTO quota_usages (project_id, resource, used) SELECT project_id, 'package_bytes', SUM(code_size) FROM functions GROUP BY project_id;
