PANEL = 'faas_quotas'
PANEL_DASHBOARD = 'admin'
PANEL_GROUP = 'functions'
ADD_PANEL = 'faas_dashboard.content.quotas.panel.Quotas'
