from django.urls import path

from faas_dashboard.content.aliases import views

urlpatterns = [
    path('', views.Index.as_view(), name='index'),
    path('create/', views.Create.as_view(), name='create'),
    path('<str:name>/edit/', views.Edit.as_view(), name='edit'),
    path('<str:name>/delete/', views.Delete.as_view(), name='delete'),
]
