from django.urls import path

from faas_dashboard.content.jobs import views

urlpatterns = [
    path('', views.Index.as_view(), name='index'),
    path('create/', views.Create.as_view(), name='create'),
    path('<str:id>/', views.Detail.as_view(), name='detail'),
    path('<str:id>/edit/', views.Edit.as_view(), name='edit'),
    path('<str:id>/delete/', views.Delete.as_view(), name='delete'),
    path('<str:id>/set/<str:status>/', views.SetStatus.as_view(), name='set'),
]
