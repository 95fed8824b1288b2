PANEL = 'faas_jobs'
PANEL_DASHBOARD = 'project'
PANEL_GROUP = 'functions'
ADD_PANEL = 'faas_dashboard.content.jobs.panel.Jobs'
