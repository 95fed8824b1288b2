from django.urls import path

from faas_dashboard.content.quotas import views

urlpatterns = [
    path('', views.Index.as_view(), name='index'),
    path('<str:project>/', views.Detail.as_view(), name='detail'),
    path('<str:project>/edit/', views.Edit.as_view(), name='edit'),
    path('<str:project>/reset/', views.Reset.as_view(), name='reset'),
]
